package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/waybillhq/waybill/store/commit"
)

// Bounds of the writer.
const (
	maxGroupRows  = 2000     // rows that a group may write, roughly
	checkpointLog = 8 << 20  // bytes of write-ahead log that start a checkpoint
	checkpointGap = 4 << 20  // bytes more before one that was held back is tried again
	heldLog       = 64 << 20 // bytes of it that a reader kept from being copied, which are logged, and twice as many, and so on
)

// writer owns the one connection that writes: one goroutine of its committer uses
// it. An operation that fails is undone alone, by its savepoint. When the commit
// fails, all operations of the group have failed and nothing was written.
type writer struct {
	db      *session
	logPath string // of the write-ahead log
	logger  *slog.Logger
	group   *commit.Committer[operation, error]

	checkpointAt int64 // bytes of write-ahead log
	heldAt       int64 // bytes of it that are logged next while a reader holds it; 0: none does
}

// operation is one caller's work inside a group's transaction.
type operation func(ctx context.Context, db *session) error

func startWriter(ctx context.Context, db *session, logPath string, logger *slog.Logger) *writer {
	w := &writer{db: db, logPath: logPath, logger: logger, checkpointAt: checkpointLog}
	w.group = commit.Start(ctx, commit.Options[operation, error]{
		Logger: logger, Writers: 1, MaxSize: maxGroupRows, Write: w.commit, After: w.checkpoint,
	})
	return w
}

// write runs an operation in the next group and returns its answer once it is
// on disk. When ctx ends first the operation may still be committed.
func write[T any](ctx context.Context, w *writer, rows int, run func(context.Context, *session) (T, error)) (T, error) {
	var answer, none T
	failure, err := w.group.Do(ctx, func(ctx context.Context, db *session) (err error) {
		answer, err = run(ctx, db)
		return err
	}, rows)
	if err == nil {
		err = failure
	}
	if err != nil {
		return none, err
	}
	return answer, nil
}

// commit writes a group in one transaction.
//
// Undoing one operation alone takes a savepoint, and a savepoint copies every
// page that the operation touches, which is a third of all the work. Failures
// are rare, so a group runs without savepoints, and once more with them when an
// operation of it has failed.
func (w *writer) commit(ctx context.Context, group []operation) ([]error, error) {
	answers := make([]error, len(group))
	err := w.transact(ctx, group, answers, w.runPlain)
	if _, failed := errors.AsType[operationError](err); failed {
		err = w.transact(ctx, group, answers, w.runAlone)
	}
	return answers, err
}

// transact runs the group in one transaction. Its error is the whole group's;
// answers takes those of single operations. The second error of run is one that
// the transaction does not survive.
func (w *writer) transact(ctx context.Context, group []operation, answers []error, run func(context.Context, operation) (error, error)) (err error) {
	committed := false
	defer func() {
		if !committed { // or it panics
			w.rollback(ctx)
		}
	}()
	if _, err = w.db.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("begin write: %w", err)
	}
	for i, op := range group {
		if answers[i], err = run(ctx, op); err != nil {
			return err
		}
	}
	if _, err = w.db.exec(ctx, "COMMIT"); err != nil {
		return fmt.Errorf("commit write: %w", err)
	}
	committed = true
	return nil
}

// operationError is the failure of an operation that ran without a savepoint.
type operationError struct{ error }

// runPlain runs one operation, whose failure costs the transaction.
func (w *writer) runPlain(ctx context.Context, op operation) (answer, lost error) {
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
func (w *writer) runAlone(ctx context.Context, op operation) (answer, lost error) {
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
func (w *writer) protect(ctx context.Context, op operation) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			w.logger.ErrorContext(ctx, "ledger operation panicked",
				slog.Any("reason", reason), slog.String("stack", string(debug.Stack())))
			err = fmt.Errorf("run ledger operation: panic: %v", reason)
		}
	}()
	return op(ctx, w.db)
}
