package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// MigrateTo makes a ledger as a program left it that knew migrations up to a version.
func MigrateTo(ctx context.Context, path string, version int64) error {
	db, err := openPool(path, 1, url.Values{})
	if err != nil {
		return err
	}
	provider, err := newProvider(db)
	if err == nil {
		_, err = provider.UpTo(ctx, version)
	}
	return errors.Join(err, db.Close())
}

// Panic panics inside a write.
func Panic(ctx context.Context, l *Ledger, reason string) error {
	_, err := write(ctx, l.writer, 1, func(context.Context, *session) (int, error) { panic(reason) })
	return err
}

// HoldSearches takes every connection that reads history until the function that
// it returns is called.
func HoldSearches(ctx context.Context, l *Ledger) (release func(), err error) {
	var held []*sql.Conn
	release = func() {
		for _, conn := range held {
			_ = conn.Close()
		}
	}
	for range searchers {
		conn, err := l.searchPool.Conn(ctx)
		if err != nil {
			return release, err
		}
		held = append(held, conn)
	}
	return release, nil
}

// SetSearchWait sets how long a search may take.
func SetSearchWait(l *Ledger, wait time.Duration) { l.searchWait = wait }

// SearchForEver is a search that never ends by itself.
func SearchForEver(ctx context.Context, l *Ledger) error {
	return l.search(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := collect(ctx, tx, func(n *int) []any { return []any{n} },
			`WITH RECURSIVE all_of (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM all_of) SELECT count(*) FROM all_of`)
		return err
	})
}

// Setting is a setting of the connection that writes.
func Setting(ctx context.Context, l *Ledger, name string) (string, error) {
	return write(ctx, l.writer, 1, func(ctx context.Context, db *session) (value string, err error) {
		err = db.QueryRowContext(ctx, "PRAGMA "+name).Scan(&value)
		return value, err
	})
}

// DeliveriesStatement is the statement that lists deliveries behind a cursor.
func DeliveriesStatement(filter postback.DeliveryFilter, state postback.State) string {
	query, _ := listDeliveries(filter, state, &position{})
	return query
}

// EventsStatement is the statement that lists events behind a cursor.
func EventsStatement(filter postback.EventFilter) string {
	query, _ := listEvents(filter, &position{})
	return query
}

// QueueStatements are the statements that move deliveries in steps.
func QueueStatements() []string {
	return []string{overdue, requeue, release, cancel, nextHead}
}

// Explain returns the steps of a statement's plan.
func Explain(ctx context.Context, l *Ledger, statement string) ([]string, error) {
	type step struct {
		id, parent, unused int
		detail             string
	}
	dest := func(s *step) []any { return []any{&s.id, &s.parent, &s.unused, &s.detail} }
	args := make([]any, 0, 32)
	for range countPlaces(statement) {
		args = append(args, 1)
	}
	steps, err := collect(ctx, l.reads, dest, "EXPLAIN QUERY PLAN "+statement, args...)
	return unwrap(steps, func(s step) string { return s.detail }), err
}

func countPlaces(statement string) int {
	n := 0
	for _, r := range statement {
		if r == '?' {
			n++
		}
	}
	return n
}

// PruneStep forgets what is old for one step and says how many rows went.
func PruneStep(ctx context.Context, l *Ledger, before time.Time) (int, error) {
	return l.forget(ctx, before)
}

// ShrinkStep gives free pages back for one step and reports whether there are more.
func ShrinkStep(ctx context.Context, l *Ledger) (more bool, err error) {
	step, err := write(ctx, l.writer, maxGroupRows, giveBack)
	return step.more, err
}

// PruneStatements are the statements that look for what may be forgotten.
func PruneStatements() []string {
	return []string{endedBefore, dropAttempts, dropEvent, dropUnmatched, dropRejected, endedReplays, dropSnapshot}
}
