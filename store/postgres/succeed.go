package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waybillhq/waybill/postback"
)

// recordSuccesses moves those deliveries on that still wait for the attempt that
// succeeded, appends it, and says which they are. They are locked in the order of
// their ids first, as everywhere: an update alone would lock them as it meets them.
// The tables are those whose names end so; their parents' end in nothing.
func recordSuccesses(ending string) string {
	return `WITH
	locked AS MATERIALIZED (SELECT FROM deliveries` + ending + ` WHERE id = ANY($1) ORDER BY id FOR UPDATE),
	moved AS (
		UPDATE deliveries` + ending + ` SET state = 'succeeded', reason = '', attempts = attempts + 1, last_error = '',
			last_status_code = ($8::integer[])[array_position($1, id)], completed_at = ($19::timestamptz[])[array_position($1, id)]
		WHERE (SELECT count(*) FROM locked) > 0 AND id = ANY($1) AND state IN ('pending', 'retrying') AND order_key = ''
			AND generation = ($2::integer[])[array_position($1, id)] AND attempts = ($3::integer[])[array_position($1, id)] - 1
		RETURNING id, endpoint_id),
	ended AS (DELETE FROM waiting w USING moved WHERE w.endpoint_id = moved.endpoint_id AND w.id = moved.id),
	attempted AS (INSERT INTO attempts` + ending + ` (` + attemptParts + `)
		SELECT * FROM ` + givenAttempts + ` a (delivery_id) WHERE a.delivery_id = ANY(ARRAY(SELECT id FROM moved)) ON CONFLICT DO NOTHING)
	SELECT id FROM moved`
}

// plain reports whether a move is the usual one: the attempt succeeded that the
// delivery is thought to wait for.
func plain(m postback.Transition) bool {
	return m.To == postback.Succeeded && m.Attempt != nil && m.Failure() == "" && m.Attempt.DeliveryID == m.Ref.DeliveryID &&
		m.Attempt.Generation == m.Ref.Generation && m.Attempt.Number == m.Ref.Attempt
}

// succeedAll records plain moves in one statement, and says of each whether it is
// recorded. What is not needs another look: its delivery waits for something else,
// or goes in order, or another move of it is in the group.
func (l *Ledger) succeedAll(ctx context.Context, moves []postback.Transition) ([]bool, error) {
	first := make(map[string]int, len(moves)) // of each delivery
	chosen := make([]postback.Transition, 0, len(moves))
	for i, move := range moves {
		id := clean(move.Ref.DeliveryID)
		if _, taken := first[id]; !taken {
			first[id], chosen = i, append(chosen, move)
		}
	}
	args, err := successArgs(chosen)
	if err != nil {
		return nil, err
	}
	recorded, err := l.recordPlain(ctx, slices.Collect(maps.Keys(first)), args)
	if err != nil {
		return nil, fmt.Errorf("record successes: %w", err)
	}
	answers := make([]bool, len(moves))
	for _, id := range recorded {
		answers[first[id]] = true
	}
	return answers, nil
}

// recordPlain names the tables of the deliveries' day, and their parents when it may
// not.
func (l *Ledger) recordPlain(ctx context.Context, ids []string, args []any) (recorded []string, err error) {
	if day, one := commonDay(ids); one {
		if statement, named := l.days.recorder(ctx, l.pool, day); named {
			err = l.oneTrip(ctx, func(batch *pgx.Batch) { queueDaySuccesses(batch, statement, args, &recorded) })
			if !l.days.refused(err) {
				return recorded, err
			}
		}
	}
	err = l.oneTrip(ctx, func(batch *pgx.Batch) { queueSuccesses(batch, recordSuccesses(""), args, &recorded) })
	return recorded, err
}

// queueDaySuccesses is for a statement that names a day's tables.
func queueDaySuccesses(batch *pgx.Batch, statement string, args []any, recorded *[]string) {
	batch.Queue("SET LOCAL plan_cache_mode = force_generic_plan")
	queueSuccesses(batch, statement, args, recorded)
}

func queueSuccesses(batch *pgx.Batch, statement string, args []any, recorded *[]string) {
	byKey(batch, func() {
		batch.Queue(statement, args...).Query(func(rows pgx.Rows) (err error) {
			*recorded, err = scanAll(rows, one[string])
			return err
		})
	})
}

// successArgs are the columns of recordSuccesses.
func successArgs(moves []postback.Transition) ([]any, error) {
	args, err := attemptArgs(column(moves, func(m postback.Transition) postback.Attempt { return *m.Attempt }))
	if err != nil {
		return nil, err
	}
	return append(args, times(moves, func(m postback.Transition) time.Time { return m.At })), nil
}
