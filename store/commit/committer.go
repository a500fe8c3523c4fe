// Package commit has what many callers write at the same time written in few
// transactions, and so with few waits for the disk.
//
// It guarantees that each caller is answered once, after the transaction that
// holds its work was committed or failed; that a caller who is alone waits for
// nobody; that a panic costs those of its group their answer and nobody else; and
// that what was queued before a stop is written.
package commit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
)

// Bounds of every committer.
const (
	queueLength = 1024 // works that wait for a group before callers block
	maxGroup    = 512  // works in a group
)

// Options say how works are written. Logger and Write are required.
type Options[Work, Answer any] struct {
	Logger  *slog.Logger
	Writers int // groups that are written at the same time; at least one is
	MaxSize int // of a group: the sum of its works' sizes

	// Write writes a group in one transaction. Its answers are in the order of the
	// works.
	Write func(ctx context.Context, group []Work) ([]Answer, error)

	// Single reports whether Write failed for what one work holds, so that the
	// others would succeed without it: then each is written alone. Nil is never.
	Single func(err error) bool

	// After runs between groups, when a group's callers have their answers. It may
	// be nil.
	After func(ctx context.Context)
}

// Committer writes works in groups: each of its writers takes all that came
// while the groups before were being written.
type Committer[Work, Answer any] struct {
	Options[Work, Answer]

	queue    chan *call[Work, Answer]
	stopping chan struct{} // closed: no more calls are taken
	writers  sync.WaitGroup
	ended    chan struct{} // closed: the writers are gone
}

// call is one caller's work.
type call[Work, Answer any] struct {
	work   Work
	size   int
	gone   func() error // why the caller waits no more, if it does not
	answer Answer
	done   chan error // takes one answer without blocking
}

// Start starts the writers. They outlive ctx, whose values they have.
func Start[Work, Answer any](ctx context.Context, options Options[Work, Answer]) *Committer[Work, Answer] {
	c := &Committer[Work, Answer]{
		Options:  options,
		queue:    make(chan *call[Work, Answer], queueLength),
		stopping: make(chan struct{}),
		ended:    make(chan struct{}),
	}
	ctx = context.WithoutCancel(ctx)
	for range max(1, options.Writers) {
		c.writers.Go(func() { c.loop(ctx) })
	}
	return c
}

// Stop writes what is queued and ends the writers. It is called once.
func (c *Committer[Work, Answer]) Stop() {
	close(c.stopping)
	c.writers.Wait()
	close(c.ended)
}

// Do has a work of some size written and returns its answer. When ctx ends first
// the work may still be written.
func (c *Committer[Work, Answer]) Do(ctx context.Context, work Work, size int) (Answer, error) {
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
	// It was queued while the writers stopped: one of them answered it last, or
	// none ever saw it.
	select {
	case err := <-asked.done:
		return asked.answer, err
	default:
		return none, errClosed()
	}
}

func errClosed() error { return errors.New("ledger is closed") }

func (c *Committer[Work, Answer]) loop(ctx context.Context) {
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

func (c *Committer[Work, Answer]) drain(ctx context.Context) {
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
func (c *Committer[Work, Answer]) gather(first *call[Work, Answer]) []*call[Work, Answer] {
	group := []*call[Work, Answer]{first}
	for size := first.size; len(group) < maxGroup && size < c.MaxSize; {
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

// run writes a group and answers each of its callers.
func (c *Committer[Work, Answer]) run(ctx context.Context, group []*call[Work, Answer]) {
	waiting := group[:0]
	var works []Work
	for _, one := range group {
		if cause := one.gone(); cause != nil {
			one.done <- fmt.Errorf("wait for commit: %w", cause)
			continue
		}
		waiting, works = append(waiting, one), append(works, one.work)
	}
	c.WriteEach(ctx, works, func(i int, answer Answer, err error) {
		waiting[i].answer = answer
		waiting[i].done <- err
	})
	if c.After != nil {
		c.After(ctx)
	}
}

// WriteEach writes a group, all of it in one transaction unless one of its works
// makes that fail, and says of each work how it ended as soon as it has. When works
// are written alone and one fails for what is not its own fault, the rest fails with
// it: they would fail one after another.
func (o Options[Work, Answer]) WriteEach(ctx context.Context, group []Work, ended func(i int, answer Answer, err error)) {
	if len(group) == 0 {
		return
	}
	answers, err := o.try(ctx, group)
	if err == nil {
		for i, answer := range answers {
			ended(i, answer, nil)
		}
		return
	}
	apart := len(group) > 1 && o.Single != nil
	var none Answer
	for i := range group {
		if !apart || !o.Single(err) {
			ended(i, none, err)
			continue
		}
		answer, failure := o.alone(ctx, group[i])
		if failure != nil {
			err = failure
		}
		ended(i, answer, failure)
	}
}

func (o Options[Work, Answer]) alone(ctx context.Context, work Work) (answer Answer, err error) {
	answers, err := o.try(ctx, []Work{work})
	if err == nil {
		answer = answers[0]
	}
	return answer, err
}

// try writes a group in one transaction. A panic is its error.
func (o Options[Work, Answer]) try(ctx context.Context, group []Work) (answers []Answer, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			o.Logger.ErrorContext(ctx, "ledger write panicked",
				slog.Any("reason", reason), slog.String("stack", string(debug.Stack())))
			err = fmt.Errorf("write ledger: panic: %v", reason)
		}
	}()
	answers, err = o.Write(ctx, group)
	if err == nil && len(answers) != len(group) {
		err = fmt.Errorf("write ledger: %d answers for %d works", len(answers), len(group))
	}
	return answers, err
}
