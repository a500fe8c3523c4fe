package bench

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/waybillhq/waybill/client"
)

// load sends the events of a run.
type load struct {
	api       *client.Client
	dialect   dialect
	naming    naming
	journal   *journal
	batch     int
	endpoints int
	limit     *rate.Limiter
	next      atomic.Int64 // the first event that nobody sends yet
}

func newLimit(events float64, batch int) *rate.Limiter {
	if events == 0 {
		return rate.NewLimiter(rate.Inf, batch)
	}
	return rate.NewLimiter(rate.Limit(events), batch)
}

// run sends until all events are sent or the duration (unless that is zero)
// is over. A request under way is finished. The first one that fails ends the
// run: what an engine refuses would spoil every figure.
func (l *load) run(ctx context.Context, concurrency int, duration time.Duration) error {
	group, ctx := errgroup.WithContext(ctx)
	window := ctx
	if duration > 0 {
		var cancel context.CancelFunc
		window, cancel = context.WithTimeout(ctx, duration)
		defer cancel()
	}
	for range concurrency {
		group.Go(func() error { return l.send(ctx, window) })
	}
	return group.Wait()
}

// send sends one request after the other while the window is open.
func (l *load) send(ctx, window context.Context) error {
	for {
		count := l.batch
		if err := l.limit.WaitN(window, count); err != nil {
			return ctx.Err() // nil when only the window has closed
		}
		first := int(l.next.Add(int64(count))) - count
		count = min(count, len(l.journal.begun)-first)
		if count <= 0 || window.Err() != nil {
			return ctx.Err()
		}
		if err := l.request(ctx, first, count); err != nil {
			return err
		}
	}
}

func (l *load) request(ctx context.Context, first, count int) error {
	begun := l.journal.now()
	if l.batch == 1 {
		if err := sendOne(ctx, l.api, l.event(first), 1); err != nil {
			return err
		}
		l.journal.answered(first, 1, begun)
		return nil
	}
	events := make([]client.Event, count)
	for i := range events {
		events[i] = l.event(first + i)
	}
	results, err := l.api.SendBatch(ctx, events)
	if err != nil {
		return fmt.Errorf("send events: %w", err)
	}
	if err := checkResults(results, count); err != nil {
		return err
	}
	l.journal.answered(first, count, begun)
	return nil
}

func (l *load) event(index int) client.Event { return l.dialect.event(l.naming, index, l.endpoints) }

func checkResults(results []client.BatchResult, count int) error {
	if len(results) != count {
		return fmt.Errorf("send events: %d answers for %d events", len(results), count)
	}
	for _, result := range results {
		if result.Error != nil {
			return fmt.Errorf("send events: %s (%s)", result.Error.Message, result.Error.Code)
		}
		if len(result.Deliveries) != 1 {
			return fmt.Errorf("send events: one led to %d deliveries, not to 1", len(result.Deliveries))
		}
	}
	return nil
}

// wire makes the HTTP client of a run: a connection for each request under
// way, kept between requests. It counts the connections that it opens.
func wire(concurrency int, opened *atomic.Int64) *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	return &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: concurrency,
		MaxConnsPerHost:     concurrency,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			opened.Add(1)
			return dialer.DialContext(ctx, network, address)
		},
	}}
}
