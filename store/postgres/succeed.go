package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// recordSuccesses moves those deliveries on that still wait for the attempt that
// succeeded, appends it, and says which they are.
const recordSuccesses = `WITH
	moved AS (
		UPDATE deliveries d SET state = 'succeeded', reason = '', attempts = a.number,
			last_status_code = a.status_code, last_error = '', completed_at = a.recorded_at
		FROM unnest($1::text[], $2::integer[], $3::integer[], $4::text[], $5::timestamptz[], $6::bigint[], $7::text[], $8::integer[],
			$9::text[], $10::text[], $11::text[], $12::bytea[], $13::text[], $14::bytea[], $15::text[], $16::text[], $17::integer[], $18::text[], $19::timestamptz[])
			a (` + attemptParts + `, recorded_at)
		WHERE d.id = a.delivery_id AND d.id = ANY($1) AND d.generation = a.generation AND d.attempts = a.number - 1
			AND d.state IN ('pending', 'retrying') AND d.order_key = ''
		RETURNING d.endpoint_id, a.*),
	ended AS (DELETE FROM waiting w USING moved WHERE w.endpoint_id = moved.endpoint_id AND w.id = moved.delivery_id),
	attempted AS (INSERT INTO attempts (` + attemptParts + `) SELECT ` + attemptParts + ` FROM moved ON CONFLICT DO NOTHING)
	SELECT delivery_id FROM moved`

// plain reports whether a move is the usual one: the attempt succeeded that the
// delivery is thought to wait for.
func plain(m postback.Transition) bool {
	return m.To == postback.Succeeded && m.Attempt != nil && m.Failure() == "" &&
		m.Attempt.Generation == m.Ref.Generation && m.Attempt.Number == m.Ref.Attempt
}

// succeedAll records plain moves in one statement, and says of each whether it is
// recorded. What is not needs another look: its delivery waits for something else,
// or goes in order, or another move of it is in the group.
func (l *Ledger) succeedAll(ctx context.Context, moves []postback.Transition) ([]bool, error) {
	first := make(map[string]int, len(moves)) // of each delivery
	for i, move := range moves {
		if id := clean(move.Ref.DeliveryID); !known(first, id) {
			first[id] = i
		}
	}
	chosen := make([]postback.Transition, 0, len(first))
	for _, i := range first {
		chosen = append(chosen, moves[i])
	}
	args, err := successArgs(chosen)
	if err != nil {
		return nil, err
	}
	recorded, err := collect(ctx, l.pool, one[string], recordSuccesses, args...)
	if err != nil {
		return nil, fmt.Errorf("record successes: %w", err)
	}
	answers := make([]bool, len(moves))
	for _, id := range recorded {
		answers[first[id]] = true
	}
	return answers, nil
}

func known(all map[string]int, id string) bool {
	_, found := all[id]
	return found
}

// successArgs are the columns of recordSuccesses. Rows are locked in the order of
// their ids, as everywhere.
func successArgs(moves []postback.Transition) ([]any, error) {
	slices.SortFunc(moves, func(a, b postback.Transition) int { return strings.Compare(a.Ref.DeliveryID, b.Ref.DeliveryID) })
	args, err := attemptArgs(column(moves, func(m postback.Transition) postback.Attempt { return *m.Attempt }))
	if err != nil {
		return nil, err
	}
	return append(args, times(moves, func(m postback.Transition) time.Time { return m.At })), nil
}
