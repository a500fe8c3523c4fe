package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Shares of the connections that clients' calls may hold at once: how many of those
// there are is for clients to choose, and what is accepted, sent and recorded must not
// wait for all of them.
const (
	searchShare = 4 // a fourth for searches through history, which take long
	changeShare = 8 // an eighth for changes, which wait for each other's locks
)

// slots bound how many connections calls of one kind hold at once. The others wait,
// in the order in which they came.
type slots chan struct{}

func slotsOf(connections, share int32) slots {
	return make(slots, max(1, connections/share))
}

// use does work when it has a slot.
func (s slots) use(ctx context.Context, work func() error) error {
	select {
	case s <- struct{}{}:
		defer func() { <-s }()
		return work()
	case <-ctx.Done():
		return fmt.Errorf("wait for a connection: %w", context.Cause(ctx))
	}
}

// search reads history for a client from one state of the ledger.
func (l *Ledger) search(ctx context.Context, read func(ctx context.Context, db querier) error) error {
	ctx, cancel := bound(ctx)
	defer cancel()
	return l.searches.use(ctx, func() error { return l.snapshot(ctx, read) })
}

// transactInTurn is a transaction for a client, who may wait in it for others' changes.
func (l *Ledger) transactInTurn(ctx context.Context, do func(ctx context.Context, tx pgx.Tx) error) error {
	ctx, cancel := bound(ctx)
	defer cancel()
	return l.changes.use(ctx, func() error { return l.transact(ctx, do) })
}
