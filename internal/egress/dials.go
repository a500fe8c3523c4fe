package egress

import (
	"context"
	"sync"
	"time"
)

// dials knows the dials under way. The transport starts them and may forget
// about them, so the client waits for them.
type dials struct {
	mu      sync.Mutex
	closed  bool
	closing chan struct{}
	running sync.WaitGroup
}

// caller is the key of a request's own context. The transport dials without its
// end: it cancels a dial that nobody waits for, but starts it all the same.
type caller struct{}

func withCaller(ctx context.Context) context.Context { return context.WithValue(ctx, caller{}, ctx) }

// unwanted reports whether the request that a dial is for has ended already.
func unwanted(ctx context.Context) bool {
	request, ok := ctx.Value(caller{}).(context.Context)
	return ok && request.Err() != nil
}

// bound limits a dial by the timeout and by the client's life. The caller calls
// the function when the dial has ended.
func (d *dials) bound(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || unwanted(ctx) {
		cancel()
		return ctx, cancel
	}
	d.running.Go(func() {
		select {
		case <-d.closing:
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, cancel
}

func (d *dials) close() {
	d.mu.Lock()
	if !d.closed {
		d.closed = true
		close(d.closing)
	}
	d.mu.Unlock()
	d.running.Wait()
}
