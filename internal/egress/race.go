package egress

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"time"
)

const (
	// fallbackDelay is how long one address has to itself before the next is
	// tried beside it (RFC 8305, section 5).
	fallbackDelay = 250 * time.Millisecond
	// maxTried bounds how many of a receiver's addresses one dial tries: as many
	// as silence lets it try within the default connect timeout.
	maxTried = 20
	// maxNamed bounds how many of them a failure names.
	maxNamed = 6
)

// connector connects to one address.
type connector func(ctx context.Context, target netip.AddrPort) (net.Conn, *Failure)

// interleave orders addresses so that the families alternate, the resolver's
// first choice first (RFC 8305, section 4).
func interleave(addrs []netip.Addr) []netip.Addr {
	var first, second []netip.Addr
	for _, addr := range addrs {
		if addr.Is4() == addrs[0].Is4() {
			first = append(first, addr)
		} else {
			second = append(second, addr)
		}
	}
	mixed := make([]netip.Addr, 0, len(addrs))
	for i := range max(len(first), len(second)) {
		if i < len(first) {
			mixed = append(mixed, first[i])
		}
		if i < len(second) {
			mixed = append(mixed, second[i])
		}
	}
	return mixed
}

// race is a dial of several addresses side by side.
type race struct {
	connect connector
	targets []netip.AddrPort // not tried yet
	results chan finish
	running int
	failed  []*Failure
}

type finish struct {
	conn    net.Conn
	failure *Failure
}

// dialFirst connects to whichever of the targets answers first. They are tried
// in order, the next one when the one before has failed or has not connected
// within fallbackDelay. When it returns, no try is under way.
func dialFirst(ctx context.Context, targets []netip.AddrPort, connect connector) (net.Conn, *Failure) {
	if len(targets) == 1 {
		return connect(ctx, targets[0])
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &race{connect: connect, targets: targets, results: make(chan finish, len(targets))}
	defer r.abandon()
	defer cancel()
	return r.run(ctx)
}

func (r *race) run(ctx context.Context) (net.Conn, *Failure) {
	timer := time.NewTimer(fallbackDelay)
	defer timer.Stop()
	r.next(ctx)
	for r.running > 0 {
		select {
		case result := <-r.results:
			r.running--
			if result.failure == nil {
				return result.conn, nil
			}
			r.failed = append(r.failed, result.failure)
		case <-timer.C:
		}
		r.next(ctx)
		timer.Reset(fallbackDelay)
	}
	return nil, worst(r.failed)
}

// next starts the next try, if there is one and there is time for it.
func (r *race) next(ctx context.Context) {
	if len(r.targets) == 0 || ctx.Err() != nil {
		return
	}
	target := r.targets[0]
	r.targets = r.targets[1:]
	r.running++
	go func() {
		conn, failure := r.connect(ctx, target)
		r.results <- finish{conn: conn, failure: failure}
	}()
}

// abandon waits for the tries that lost.
func (r *race) abandon() {
	for ; r.running > 0; r.running-- {
		if late := <-r.results; late.conn != nil {
			late.conn.Close()
		}
	}
}

// worst is what came of tries that all failed, and names them. What an address
// of the receiver said counts more than what this host could not do: only when
// every try was stopped by this host is it this host's failure.
func worst(failures []*Failure) *Failure {
	chosen := failures[0]
	var messages []string
	for i, failure := range failures {
		if weight(failure) > weight(chosen) {
			chosen = failure
		}
		if i < maxNamed {
			messages = append(messages, failure.Message)
		}
	}
	if len(failures) > maxNamed {
		messages = append(messages, "...")
	}
	return &Failure{Kind: chosen.Kind, Code: chosen.Code, Message: strings.Join(messages, "; ")}
}

func weight(failure *Failure) int {
	switch {
	case failure.Code == CodeFamily:
		return 0
	case failure.Kind == Infrastructure:
		return 1
	default:
		return 2
	}
}
