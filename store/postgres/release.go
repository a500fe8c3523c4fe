package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waybillhq/waybill/store"
)

const (
	// takeReleases lets one process at a time release an endpoint's deliveries,
	// until its transaction ends. It says whose turn is ours.
	takeReleases = `SELECT id FROM unnest($1::text[]) u (id)
		WHERE pg_try_advisory_xact_lock(hashtext('waybill release ' || id), 'waiting'::regclass::oid::integer)`
	// releasable are each endpoint's oldest parked ones, up to a limit, as many as its
	// window has room for beside those that are due or under way, and since when the
	// first of those is.
	releasable = `SELECT r.endpoint_id, due.earliest, ARRAY(
			SELECT id FROM waiting WHERE endpoint_id = r.endpoint_id AND id >= r.first AND state = 'parked' AND reason <> 'ordered'
			ORDER BY id LIMIT least(r.most, greatest(0, r.size - due.count)))
		FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::integer[], $5::integer[], $6::text[]) r (endpoint_id, since, at, size, most, first)
		CROSS JOIN LATERAL (SELECT count(*) AS count, min(next_attempt_at) AS earliest FROM (
			SELECT next_attempt_at FROM waiting WHERE endpoint_id = r.endpoint_id AND next_attempt_at >= r.since AND next_attempt_at <= r.at
			ORDER BY next_attempt_at LIMIT r.size) counted) due`
)

// release is what of an endpoint's parked deliveries is to be made due.
type release struct {
	endpointID    string
	at            time.Time
	window, limit int
}

// Release makes up to limit of the endpoint's oldest parked deliveries due,
// until as many as the window says are due or under way. While another process
// does so it does nothing. What is asked for at once is done in one transaction.
func (l *Ledger) Release(ctx context.Context, endpointID string, at time.Time, window, limit int) (int, error) {
	most := min(window, limit)
	if most <= 0 {
		return 0, nil
	}
	ctx, cancel := bound(ctx)
	defer cancel()
	freed, err := l.releases.Do(ctx, release{clean(endpointID), at, window, limit}, most)
	if err != nil {
		return 0, fmt.Errorf("release deliveries: %w", err)
	}
	return freed, nil
}

// releaseAll does the releases of several callers, of each endpoint the first one.
func (l *Ledger) releaseAll(ctx context.Context, group []release) ([]int, error) {
	freed := map[string]int{}
	err := l.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		clear(freed)
		ids, err := collect(ctx, tx, one[string], takeReleases, texts(group, func(r release) string { return r.endpointID }))
		if err != nil || len(ids) == 0 {
			return err
		}
		return l.releaseTurns(ctx, tx, turnsOf(group, ids), freed)
	})
	answers := make([]int, len(group))
	for i, one := range group {
		answers[i] = freed[one.endpointID]
		delete(freed, one.endpointID)
	}
	return answers, err
}

// turnsOf are the first releases of endpoints whose turn is ours.
func turnsOf(group []release, ours []string) map[string]release {
	turns := make(map[string]release, len(ours))
	for _, one := range slices.Backward(group) {
		if slices.Contains(ours, one.endpointID) {
			turns[one.endpointID] = one
		}
	}
	return turns
}

// releaseTurns releases deliveries of several endpoints, and counts them. Those
// that somebody holds are left for the next time, so that no endpoint waits for
// what is being done with another one's.
func (l *Ledger) releaseTurns(ctx context.Context, tx transaction, turns map[string]release, freed map[string]int) error {
	args, marks := l.releaseArgs(slices.Collect(maps.Values(turns)))
	looked, err := collect(ctx, tx, lookDest, releasable, args...)
	if err != nil {
		return err
	}
	var ids []string
	for _, one := range looked {
		ids = append(ids, one.parked...)
		if one.earliest.IsZero() {
			one.earliest = turns[one.endpointID].at
		}
		l.dues.of(one.endpointID).found(one.earliest, marks[one.endpointID])
	}
	if len(ids) == 0 {
		return nil
	}
	found, err := lockFree(ctx, tx, ids)
	if err != nil {
		return err
	}
	return changeIn(ctx, tx, found, func(s *lockedDelivery) bool {
		if !s.releasable() {
			return false
		}
		s.release(turns[s.endpointID].at)
		freed[s.endpointID]++
		return true
	})
}

// releaseLook is what a look at an endpoint's deliveries found.
type releaseLook struct {
	endpointID string
	earliest   time.Time // of those that are due or under way; zero when none are
	parked     []string  // that its window has room for
}

func lookDest(l *releaseLook) []any { return []any{&l.endpointID, store.At(&l.earliest), &l.parked} }

// releaseArgs are the arguments of a look, and for each endpoint what its floor
// learns of what the look finds.
func (l *Ledger) releaseArgs(all []release) (args []any, marks map[string]int) {
	marks = make(map[string]int, len(all))
	return []any{
		texts(all, func(r release) string { return r.endpointID }),
		column(all, func(r release) (from time.Time) {
			from, marks[r.endpointID] = l.dues.of(r.endpointID).from()
			return from
		}),
		column(all, func(r release) time.Time { return r.at }),
		column(all, func(r release) int { return r.window }),
		column(all, func(r release) int { return r.limit }),
		column(all, func(r release) string { return l.parked.from(r.endpointID) }),
	}, marks
}
