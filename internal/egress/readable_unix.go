//go:build unix

package egress

import (
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// readable reports whether a read would not block: there are bytes, the end or an
// error. It takes nothing from the socket and may run beside a read.
func readable(c net.Conn) bool {
	socket, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return true
	}
	blocks := false
	err = raw.Control(func(fd uintptr) {
		_, _, err := unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		blocks = errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR)
	})
	return err != nil || !blocks
}
