package egress

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// bindWithoutPort makes the kernel choose the port at connect, by the whole
// four-tuple. Chosen at bind, the ports of one address would run out over all
// receivers together (ip(7), IP_BIND_ADDRESS_NO_PORT).
func bindWithoutPort(_, _ string, raw syscall.RawConn) error {
	var failure error
	if err := raw.Control(func(fd uintptr) {
		failure = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	}); err != nil {
		return fmt.Errorf("reach socket: %w", err)
	}
	if failure != nil {
		return fmt.Errorf("set IP_BIND_ADDRESS_NO_PORT: %w", failure)
	}
	return nil
}
