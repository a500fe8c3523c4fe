package egress_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/egress"
)

// answers200 is what a receiver says that wants nothing more.
const answers200 = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// answer is what comes of connecting. The peer's work is counted as running.
type answer func(ctx context.Context, running *sync.WaitGroup) (net.Conn, error)

// network is one in memory, so that time in a bubble goes on over it. What is
// done at an address that is not there is to wait.
type network struct {
	at    map[string]answer // by address; UDP is "udp ADDRESS"
	mu    sync.Mutex
	tried []string

	running sync.WaitGroup
}

func (n *network) dial(ctx context.Context, network string, _ netip.Addr, target netip.AddrPort) (net.Conn, error) {
	key := target.Addr().String()
	if network[:3] == "udp" {
		key = "udp " + key
	} else {
		n.mu.Lock()
		n.tried = append(n.tried, key)
		n.mu.Unlock()
	}
	if there, ok := n.at[key]; ok {
		return there(ctx, &n.running)
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

// serves answers every request on a connection of its own making.
func serves(after time.Duration, respond func(w io.Writer)) answer {
	return func(ctx context.Context, running *sync.WaitGroup) (net.Conn, error) {
		select {
		case <-time.After(after):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		ours, theirs := net.Pipe()
		running.Go(func() {
			defer theirs.Close()
			for reader := bufio.NewReader(theirs); ; {
				if _, err := readHead(reader); err != nil {
					return
				}
				respond(theirs)
			}
		})
		return ours, nil
	}
}

func fine(w io.Writer) { _, _ = io.WriteString(w, answers200) }

// fails is how the system says that it cannot connect.
func fails(call string, number syscall.Errno) answer {
	return func(context.Context, *sync.WaitGroup) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError(call, number)}
	}
}

// over is a client on the network, where the name has these addresses.
func over(t *testing.T, n *network, options egress.Options, texts ...string) *egress.Client {
	t.Helper()
	t.Cleanup(n.running.Wait)
	options.Dialer = n.dial
	options.Resolver = names{"receiver.example.com": addrs(texts...)}
	if options.Interfaces == nil {
		options.Interfaces = host("192.168.1.2", "2a00::2")
	}
	return newClient(t, options)
}
