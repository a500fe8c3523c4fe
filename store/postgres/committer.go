package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"

	"github.com/waybillhq/waybill/postback"
)

// Bounds of a committer.
const (
	queueLength  = 1024 // works that wait for a group before callers block
	maxGroup     = 512  // works in a group
	maxGroupSize = 1024 // rows in a group, where 8 KB of data count as one more
	sizeUnit     = 8 << 10
)

// committer writes what many callers ask for in few transactions. Each of its
// workers takes all that came while the transactions before were being committed
// and writes it in one: under load many callers share one wait for the disk, and
// a caller that is alone waits for nobody.
//
// When a group fails for what one of its works holds, its works are written one
// by one, and only the culprit fails. When it fails for any other reason, all of
// its callers get the error.
type committer[Work, Answer any] struct {
	commit func(ctx context.Context, group []Work) ([]Answer, error)
	logger *slog.Logger

	queue    chan *call[Work, Answer]
	stopping chan struct{} // closed: no more calls are taken
	workers  sync.WaitGroup
	ended    chan struct{} // closed: the workers are gone
}

// call is one caller's work.
type call[Work, Answer any] struct {
	work   Work
	size   int          // rows, roughly
	gone   func() error // why the caller waits no more, if it does not
	answer Answer
	done   chan error // takes one answer without blocking
}

func startCommitter[Work, Answer any](
	ctx context.Context, logger *slog.Logger, workers int, commit func(context.Context, []Work) ([]Answer, error),
) *committer[Work, Answer] {
	c := &committer[Work, Answer]{
		commit: commit, logger: logger,
		queue:    make(chan *call[Work, Answer], queueLength),
		stopping: make(chan struct{}),
		ended:    make(chan struct{}),
	}
	ctx = context.WithoutCancel(ctx)
	for range workers {
		c.workers.Go(func() { c.loop(ctx) })
	}
	return c
}

// stop commits what is queued and ends the workers. It is called once.
func (c *committer[Work, Answer]) stop() {
	close(c.stopping)
	c.workers.Wait()
	close(c.ended)
}

// do has a work committed and returns its answer. When ctx ends first the work
// may still be committed.
func (c *committer[Work, Answer]) do(ctx context.Context, work Work, size int) (Answer, error) {
	var none Answer
	asked := &call[Work, Answer]{work: work, size: size, gone: func() error { return context.Cause(ctx) }, done: make(chan error, 1)}
	select {
	case <-c.stopping:
		return none, errClosed()
	default:
	}
	select {
	case c.queue <- asked:
	case <-c.stopping:
		return none, errClosed()
	case <-ctx.Done():
		return none, fmt.Errorf("queue write: %w", context.Cause(ctx))
	}
	select {
	case err := <-asked.done:
		return asked.answer, err
	case <-ctx.Done():
		return none, fmt.Errorf("wait for commit: %w", context.Cause(ctx))
	case <-c.ended:
	}
	// It was queued while the workers stopped: one of them answered it last, or
	// none ever saw it.
	select {
	case err := <-asked.done:
		return asked.answer, err
	default:
		return none, errClosed()
	}
}

func errClosed() error { return errors.New("ledger is closed") }

func (c *committer[Work, Answer]) loop(ctx context.Context) {
	for {
		select {
		case first := <-c.queue:
			c.run(ctx, c.gather(first))
		case <-c.stopping:
			c.drain(ctx)
			return
		}
	}
}

func (c *committer[Work, Answer]) drain(ctx context.Context) {
	for {
		select {
		case first := <-c.queue:
			c.run(ctx, c.gather(first))
		default:
			return
		}
	}
}

// gather returns the first call and those that wait behind it, as many as a
// group may hold.
func (c *committer[Work, Answer]) gather(first *call[Work, Answer]) []*call[Work, Answer] {
	group := []*call[Work, Answer]{first}
	for size := first.size; len(group) < maxGroup && size < maxGroupSize; {
		select {
		case next := <-c.queue:
			group = append(group, next)
			size += next.size
		default:
			return group
		}
	}
	return group
}

// run commits a group and answers each of its callers.
func (c *committer[Work, Answer]) run(ctx context.Context, group []*call[Work, Answer]) {
	waiting := group[:0]
	for _, one := range group {
		if cause := one.gone(); cause != nil {
			one.done <- fmt.Errorf("wait for commit: %w", cause)
			continue
		}
		waiting = append(waiting, one)
	}
	if len(waiting) == 0 {
		return
	}
	err := c.try(ctx, waiting)
	alone := len(waiting) == 1
	for _, one := range waiting {
		if isMembersFault(err) && !alone {
			one.done <- c.try(ctx, []*call[Work, Answer]{one})
			continue
		}
		one.done <- err
	}
}

// try commits a group in one transaction. A panic is its error: it costs its
// callers their answer, and not everybody the ledger.
func (c *committer[Work, Answer]) try(ctx context.Context, group []*call[Work, Answer]) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			c.logger.ErrorContext(ctx, "ledger write panicked",
				slog.Any("reason", reason), slog.String("stack", string(debug.Stack())))
			err = fmt.Errorf("write ledger: panic: %v", reason)
		}
	}()
	ctx, cancel := bound(ctx)
	defer cancel()
	var answers []Answer
	err = undisturbed(func() (err error) {
		answers, err = c.commit(ctx, column(group, func(one *call[Work, Answer]) Work { return one.work }))
		return err
	})
	if err != nil {
		return err
	}
	for i, one := range group {
		one.answer = answers[i]
	}
	return nil
}

// sizeOf is what acceptances count in a group.
func sizeOf(items []postback.Acceptance) int {
	size := 0
	for _, item := range items {
		size += 1 + len(item.Deliveries) + len(item.Event.Data)/sizeUnit
	}
	return size
}
