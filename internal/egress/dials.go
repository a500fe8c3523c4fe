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

// bound limits a dial by the timeout and by the client's life. The caller calls
// the function when the dial has ended.
func (d *dials) bound(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
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
