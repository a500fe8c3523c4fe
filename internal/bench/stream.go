package bench

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/waybillhq/waybill/client"
)

// senders is how many requests of a stream may be under way at once.
const senders = 128

// stream sends events one by one, each when it is due, whatever became of those
// before: an engine that stalls is asked no less of. Times are as the
// journal's.
type stream struct {
	api     *client.Client
	event   func(index int) client.Event
	rate    float64 // events per second
	count   int
	each    int // deliveries that an event leads to
	journal *journal
	start   time.Duration                // when the first is due
	sent    func(index int, begun int64) // is called for each that was accepted just now

	next atomic.Int64
}

// due is when an event is to be sent.
func (s *stream) due(index int) time.Duration { return s.start + dueAfter(index, s.rate) }

func dueAfter(index int, rate float64) time.Duration {
	return time.Duration(float64(index) / rate * float64(time.Second))
}

// run sends all. The first that fails ends it: what an engine refuses would
// spoil every figure.
func (s *stream) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for range min(senders, s.count) {
		group.Go(func() error { return s.send(ctx) })
	}
	return group.Wait()
}

func (s *stream) send(ctx context.Context) error {
	for {
		index := int(s.next.Add(1)) - 1
		if index >= s.count {
			return nil
		}
		if early := s.due(index) - time.Duration(s.journal.now()); early > 0 {
			pause(ctx, early)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		begun := s.journal.now()
		if err := sendOne(ctx, s.api, s.event(index), s.each); err != nil {
			return err
		}
		s.sent(index, begun)
	}
}

// sendOne sends an event that leads to so many deliveries.
func sendOne(ctx context.Context, api *client.Client, event client.Event, deliveries int) error {
	answer, err := api.SendEvent(ctx, event)
	if err != nil {
		return fmt.Errorf("send event: %w", err)
	}
	if len(answer.Deliveries) != deliveries {
		return fmt.Errorf("send event: it led to %d deliveries, not to %d", len(answer.Deliveries), deliveries)
	}
	return nil
}
