package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

const attemptsOf = `SELECT ` + attemptColumns + ` FROM deliveries d JOIN attempts a ON a.delivery = d.seq WHERE d.seq = ? ORDER BY a.seq`

// Histories lists deliveries with their attempts, newest first, and the next
// cursor. It returns fewer than asked for when they are large.
func (l *Ledger) Histories(ctx context.Context, filter postback.DeliveryFilter, page postback.Page) ([]postback.History, string, error) {
	after, err := l.deliveryPosition(ctx, page.Cursor)
	if err != nil {
		return nil, "", err
	}
	size := store.Size(page)
	var rows []deliveryRow
	var histories []postback.History
	err = l.search(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if rows, err = readDeliveries(ctx, tx, filter, after, size+1); err != nil {
			return err
		}
		histories, err = readHistories(ctx, tx, rows[:min(size, len(rows))])
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("read histories: %w", err)
	}
	next := ""
	if n := len(histories); n < len(rows) {
		next = cursorAt(store.Deliveries, rows[n-1].CreatedAt, rows[n-1].seq)
	}
	return histories, next, nil
}

// readHistories reads the attempts of deliveries, one by one, until there are
// store.HistoryBytes of them.
func readHistories(ctx context.Context, tx *sql.Tx, rows []deliveryRow) ([]postback.History, error) {
	statement, err := tx.PrepareContext(ctx, attemptsOf)
	if err != nil {
		return nil, fmt.Errorf("prepare reading attempts: %w", err)
	}
	defer func() { _ = statement.Close() }() // The snapshot's end closes it too.
	var histories []postback.History
	size := 0
	for _, row := range rows {
		history := postback.History{Delivery: row.Delivery}
		if history.Attempts, err = readAttempts(ctx, statement, row.seq); err != nil {
			return nil, fmt.Errorf("read attempts: %w", err)
		}
		histories = append(histories, history)
		for _, attempt := range history.Attempts {
			size += store.HistorySize(attempt)
		}
		if size >= store.HistoryBytes {
			break
		}
	}
	return histories, nil
}

func readAttempts(ctx context.Context, statement *sql.Stmt, delivery int64) ([]postback.Attempt, error) {
	rows, err := statement.QueryContext(ctx, delivery)
	if err != nil {
		return nil, err //nolint:wrapcheck // readHistories says what it was reading
	}
	attempts, err := scanAll(rows, store.AttemptDest)
	return unwrap(attempts, store.AttemptRow.Whole), err
}
