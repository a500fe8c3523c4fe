package postgres

import (
	"context"
	"fmt"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

// historyChunk is how many deliveries' attempts are asked for at once.
const historyChunk = 50

// readManyAttempts orders by delivery as it was asked for. The list says which
// partitions it is.
const readManyAttempts = `SELECT ` + attemptColumns + ` FROM unnest($1::text[]) WITH ORDINALITY k (id, place)
	JOIN attempts a ON a.delivery_id = k.id WHERE a.delivery_id = ANY($1) ORDER BY k.place, a.started_at, a.generation, a.number`

// Histories lists deliveries with their attempts, newest first, and the next
// cursor. It returns fewer than asked for when they are large.
func (l *Ledger) Histories(ctx context.Context, filter postback.DeliveryFilter, page postback.Page) ([]postback.History, string, error) {
	after, err := behind(page.Cursor)
	if err != nil {
		return nil, "", err
	}
	size := store.Size(page)
	var rows []deliveryRow
	var histories []postback.History
	err = l.search(ctx, func(ctx context.Context, db querier) error {
		if rows, err = readDeliveries(ctx, db, filter, after, size+1); err != nil {
			return err
		}
		histories, err = readHistories(ctx, db, rows[:min(size, len(rows))])
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("read histories: %w", err)
	}
	next := ""
	if n := len(histories); n < len(rows) {
		next = cursorOf(rows[n-1])
	}
	return histories, next, nil
}

// readHistories reads the attempts of deliveries, some at a time, until there
// are store.HistoryBytes of them.
func readHistories(ctx context.Context, db querier, rows []deliveryRow) ([]postback.History, error) {
	var histories []postback.History
	size := 0
	for len(rows) > 0 && size < store.HistoryBytes {
		chunk := rows[:min(historyChunk, len(rows))]
		rows = rows[len(chunk):]
		attempts, complete, err := attemptsUpTo(ctx, db, chunk, store.HistoryBytes-size)
		if err != nil {
			return nil, err
		}
		for _, row := range chunk[:complete] {
			histories = append(histories, postback.History{Delivery: row.Delivery, Attempts: attempts[row.ID]})
			for _, attempt := range attempts[row.ID] {
				size += store.HistorySize(attempt)
			}
		}
		if complete < len(chunk) {
			break
		}
	}
	return histories, nil
}

// attemptsUpTo reads the attempts of deliveries until they have the given size,
// and says of how many deliveries it read all.
func attemptsUpTo(ctx context.Context, db querier, deliveries []deliveryRow, size int) (map[string][]postback.Attempt, int, error) {
	rows, err := db.Query(ctx, readManyAttempts, column(deliveries, func(r deliveryRow) string { return r.ID }))
	if err != nil {
		return nil, 0, fmt.Errorf("read attempts: %w", err)
	}
	defer rows.Close()
	found := map[string][]postback.Attempt{}
	last := ""
	for rows.Next() {
		var row store.AttemptRow
		if err := rows.Scan(store.AttemptDest(&row)...); err != nil {
			return nil, 0, fmt.Errorf("read attempts: %w", err)
		}
		if size <= 0 && row.DeliveryID != last {
			return found, placeOf(deliveries, last) + 1, nil
		}
		last = row.DeliveryID
		found[last] = append(found[last], row.Whole())
		size -= store.HistorySize(row.Attempt) + len(row.ResponseBody) + len(row.RequestBody)
	}
	if err := rows.Err(); err != nil {
		return nil, 0, fmt.Errorf("read attempts: %w", err)
	}
	return found, len(deliveries), nil
}

func placeOf(deliveries []deliveryRow, id string) int {
	for i, d := range deliveries {
		if d.ID == id {
			return i
		}
	}
	return len(deliveries) - 1
}
