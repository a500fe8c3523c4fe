package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waybillhq/waybill/store"
)

// pruneEventDays forgets the events of the first old day that has any to forget.
func (l *Ledger) pruneEventDays(ctx context.Context, before time.Time) (int, error) {
	days, err := l.old(ctx, "events", before)
	if err != nil {
		return 0, err
	}
	for _, day := range days {
		gone, err := l.pruneEventDay(ctx, day)
		if err != nil || gone > 0 {
			return gone, err
		}
	}
	return 0, nil
}

// busyEvents are the events of a day that still have a delivery. Deliveries are
// made when their event is accepted, to within a day: that leaves three
// partitions to look through, and the default one.
const busyEvents = `SELECT DISTINCT event_seq FROM deliveries WHERE event_at >= $1 AND event_at < $2 AND id >= $3 AND id < $4 LIMIT $5`

// pruneEventDay forgets the events of a day that have no delivery left. First it
// is detached, then the ids of its events are freed.
func (l *Ledger) pruneEventDay(ctx context.Context, day time.Time) (int, error) {
	events := partition{families()[2], day}
	ctx, cancel := context.WithTimeout(ctx, scanWait)
	defer cancel()
	stay, err := l.busyEvents(ctx, day, new(maxSurvivors+1))
	if err != nil {
		return 0, err
	}
	if len(stay) > maxSurvivors {
		return 0, nil // They go with the last of their deliveries, row by row.
	}
	err = l.exclusively(ctx, []partition{events}, func(ctx context.Context, tx pgx.Tx) error {
		return events.detach(ctx, tx, `seq = ANY($1)`, stay)
	})
	if err != nil {
		return 0, err
	}
	return l.dropEvents(ctx, day)
}

// busyEvents are the events of a day that still have a delivery, up to a number
// if there is one.
func (l *Ledger) busyEvents(ctx context.Context, day time.Time, limit *int) (busy []int64, err error) {
	err = l.slowly(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		busy, err = collect(ctx, tx, one[int64], busyEvents, day, day.Add(wholeDay), firstID(day.Add(-wholeDay)), firstID(day.Add(2*wholeDay)), limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for events that must stay: %w", err)
	}
	return busy, nil
}

const nextEvents = `SELECT accepted_at, seq FROM %s WHERE accepted_at >= $1 AND (accepted_at, seq) > ($1, $2) ORDER BY accepted_at, seq LIMIT $3`

// forgetIDs frees the ids of a table's events. An id that was freed before and
// taken again has another sequence number.
func (l *Ledger) forgetIDs(ctx context.Context, table string) (total int, err error) {
	const free = `DELETE FROM event_ids i USING (SELECT e.id, e.seq FROM %s e
		WHERE e.accepted_at >= $1 AND (e.accepted_at, e.seq) > ($1, $2) AND e.accepted_at <= $3 AND (e.accepted_at, e.seq) <= ($3, $4)) e
		WHERE i.id = e.id AND i.seq = e.seq`
	last := eventKey{at: time.Unix(0, 0)}
	for {
		keys, err := collect(ctx, l.pool, func(k *eventKey) []any { return []any{store.At(&k.at), &k.seq} },
			fmt.Sprintf(nextEvents, table), last.at, last.seq, pruneBatch)
		if err != nil {
			return total, fmt.Errorf("read old events: %w", err)
		}
		if len(keys) == 0 {
			return total, nil
		}
		end := keys[len(keys)-1]
		freed, err := l.change(ctx, "forget event ids", fmt.Sprintf(free, table), last.at, last.seq, end.at, end.seq)
		if err != nil {
			return total, err
		}
		total, last = total+freed, end
	}
}
