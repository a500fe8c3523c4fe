package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
)

// Bounds of the writer.
const (
	queueLength   = 1024     // operations that wait for a group before callers block
	maxGroup      = 512      // operations in a group
	maxGroupRows  = 2000     // rows that a group may write, roughly
	checkpointLog = 8 << 20  // bytes of write-ahead log that start a checkpoint
	checkpointGap = 4 << 20  // bytes more before one that was held back is tried again
	heldLog       = 64 << 20 // bytes of it that a reader kept from being copied, which are logged, and twice as many, and so on
)

// writer owns the one connection that writes. Its goroutine takes every
// operation that came while the transaction before was being committed and
// writes them in one transaction: under load many callers share one fsync, and
// a caller that is alone waits for nobody.
//
// An operation that fails is undone alone, by its savepoint. When the commit
// fails, all operations of the group have failed and nothing was written.
type writer struct {
	db      *session
	logPath string // of the write-ahead log
	logger  *slog.Logger

	queue    chan *operation
	stopping chan struct{} // closed: no more operations are taken
	ended    chan struct{} // closed: the goroutine is gone

	checkpointAt int64 // bytes of write-ahead log
	heldAt       int64 // bytes of it that are logged next while a reader holds it; 0: none does
}

// operation is one caller's work inside a group's transaction.
type operation struct {
	rows int          // that it may write, roughly
	gone func() error // why the caller waits no more, if it does not
	run  func(ctx context.Context, db *session) error
	done chan error // takes one answer without blocking
}

func startWriter(ctx context.Context, db *session, logPath string, logger *slog.Logger) *writer {
	w := &writer{
		db: db, logPath: logPath, logger: logger,
		queue:        make(chan *operation, queueLength),
		stopping:     make(chan struct{}),
		ended:        make(chan struct{}),
		checkpointAt: checkpointLog,
	}
	go w.loop(context.WithoutCancel(ctx))
	return w
}

// stop commits what is queued and ends the goroutine. It is called once.
func (w *writer) stop() {
	close(w.stopping)
	<-w.ended
}

// write runs an operation in the next group and returns its answer once it is
// on disk. When ctx ends first the operation may still be committed.
func write[T any](ctx context.Context, w *writer, rows int, run func(context.Context, *session) (T, error)) (T, error) {
	var answer, none T
	op := &operation{
		rows: rows,
		gone: func() error { return context.Cause(ctx) },
		run: func(ctx context.Context, db *session) (err error) {
			answer, err = run(ctx, db)
			return err
		},
		done: make(chan error, 1),
	}
	if err := w.submit(ctx, op); err != nil {
		return none, err
	}
	return answer, nil
}

func (w *writer) submit(ctx context.Context, op *operation) error {
	select {
	case <-w.stopping:
		return errClosed()
	default:
	}
	select {
	case w.queue <- op:
	case <-w.stopping:
		return errClosed()
	case <-ctx.Done():
		return fmt.Errorf("queue write: %w", context.Cause(ctx))
	}
	select {
	case err := <-op.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("wait for commit: %w", context.Cause(ctx))
	case <-w.ended:
	}
	// The operation was queued while the writer stopped: it was the last one
	// answered, or it was never seen.
	select {
	case err := <-op.done:
		return err
	default:
		return errClosed()
	}
}

func errClosed() error { return errors.New("ledger is closed") }

func (w *writer) loop(ctx context.Context) {
	defer close(w.ended)
	for {
		select {
		case op := <-w.queue:
			w.commit(ctx, w.gather(op))
		case <-w.stopping:
			w.drain(ctx)
			return
		}
	}
}

func (w *writer) drain(ctx context.Context) {
	for {
		select {
		case op := <-w.queue:
			w.commit(ctx, w.gather(op))
		default:
			return
		}
	}
}

// gather returns the first operation and those that wait behind it, as many as
// a group may hold.
func (w *writer) gather(first *operation) []*operation {
	group := []*operation{first}
	rows := first.rows
	for len(group) < maxGroup && rows < maxGroupRows {
		select {
		case op := <-w.queue:
			group = append(group, op)
			rows += op.rows
		default:
			return group
		}
	}
	return group
}

// commit writes a group and answers each of its callers.
//
// Undoing one operation alone takes a savepoint, and a savepoint copies every
// page that the operation touches, which is a third of all the work. Failures
// are rare, so a group runs without savepoints, and once more with them when an
// operation of it has failed.
func (w *writer) commit(ctx context.Context, group []*operation) {
	answers := make([]error, len(group))
	err := w.transact(ctx, group, answers, w.runPlain)
	if _, failed := errors.AsType[operationError](err); failed {
		err = w.transact(ctx, group, answers, w.runAlone)
	}
	for i, op := range group {
		if err != nil {
			answers[i] = err
		}
		op.done <- answers[i]
	}
	w.checkpoint(ctx)
}

// transact runs the group in one transaction. Its error is the whole group's;
// answers takes those of single operations. The second error of run is one that
// the transaction does not survive.
func (w *writer) transact(ctx context.Context, group []*operation, answers []error, run func(context.Context, *operation) (error, error)) (err error) {
	defer func() {
		if err != nil {
			w.rollback(ctx)
		}
	}()
	if _, err = w.db.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("begin write: %w", err)
	}
	for i, op := range group {
		if cause := op.gone(); cause != nil {
			answers[i] = fmt.Errorf("wait for commit: %w", cause)
			continue
		}
		if answers[i], err = run(ctx, op); err != nil {
			return err
		}
	}
	if _, err = w.db.exec(ctx, "COMMIT"); err != nil {
		return fmt.Errorf("commit write: %w", err)
	}
	return nil
}

// operationError is the failure of an operation that ran without a savepoint.
type operationError struct{ error }

// runPlain runs one operation, whose failure costs the transaction.
func (w *writer) runPlain(ctx context.Context, op *operation) (answer, lost error) {
	if err := w.protect(ctx, op); err != nil {
		return nil, operationError{err}
	}
	return nil, nil
}

// rollback leaves the connection without a transaction. SQLite has ended it by
// itself after some errors, such as a full disk; then there is nothing to do.
func (w *writer) rollback(ctx context.Context) {
	if _, err := w.db.exec(ctx, "ROLLBACK"); err != nil {
		w.logger.DebugContext(ctx, "rollback found no transaction", slog.Any("error", err))
	}
}

// runAlone runs one operation so that its failure undoes its own writes only.
// The second error says that the whole transaction is lost.
func (w *writer) runAlone(ctx context.Context, op *operation) (answer, lost error) {
	if _, err := w.db.exec(ctx, "SAVEPOINT operation"); err != nil {
		return nil, fmt.Errorf("begin operation: %w", err)
	}
	answer = w.protect(ctx, op)
	if answer != nil {
		if _, err := w.db.exec(ctx, "ROLLBACK TO operation"); err != nil {
			return nil, errors.Join(answer, fmt.Errorf("undo operation: %w", err))
		}
	}
	if _, err := w.db.exec(ctx, "RELEASE operation"); err != nil {
		return nil, errors.Join(answer, fmt.Errorf("end operation: %w", err))
	}
	return answer, nil
}

// protect turns a panic into the operation's error, so that it costs one caller
// its answer and not everybody the ledger.
func (w *writer) protect(ctx context.Context, op *operation) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			w.logger.ErrorContext(ctx, "ledger operation panicked",
				slog.Any("reason", reason), slog.String("stack", string(debug.Stack())))
			err = fmt.Errorf("run ledger operation: panic: %v", reason)
		}
	}()
	return op.run(ctx, w.db)
}
