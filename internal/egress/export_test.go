package egress

import (
	"context"
	"io"
	"net"
	"net/http/httptrace"
	"net/netip"
)

// MoveSource stands for an address that was taken from the host after the start.
func (c *Client) MoveSource(addr netip.Addr) { c.source4 = addr }

// Readable reports whether a read would not block.
func Readable(c net.Conn) bool { return readable(c) }

// NewSystemResolver is the default resolver over sockets of the test's.
func NewSystemResolver(dial func(ctx context.Context, network, address string) (net.Conn, error)) Resolver {
	return newSystemResolver(dial)
}

// SourceFailure says why an egress address cannot be bound.
func SourceFailure(ctx context.Context, addr netip.Addr, err error) *Failure {
	return sourceFailure(ctx, addr, err)
}

// LostOn reports whether a request counts as lost with a kept connection when the
// transport comes with these connections, one after the other, and each ends
// before any byte of an answer.
func LostOn(offers ...httptrace.GotConnInfo) bool {
	e := &exchange{abort: func(error) {}}
	trace := e.trace()
	for _, offer := range offers {
		wrapped := &conn{Conn: offer.Conn}
		offer.Conn = wrapped
		trace.GetConn("")
		trace.GotConn(offer)
		_, _ = wrapped.Write([]byte("x"))
	}
	return e.lost(io.EOF)
}
