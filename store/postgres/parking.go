package postgres

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waybillhq/waybill/postback"
)

const (
	waitingDeliveries = `SELECT id FROM waiting WHERE endpoint_id = $1 AND id >= $2 ORDER BY id LIMIT $3`
	// None is opened before it is made, so the ids bound what is looked at.
	expiredDeliveries = `SELECT w.id FROM waiting w JOIN deliveries d ON d.id = w.id
		WHERE w.endpoint_id = $1 AND w.id >= $2 AND w.state = 'parked' AND w.id < $3 AND d.opened_at < $4 ORDER BY w.id LIMIT $5`
)

// Cancel ends up to limit waiting deliveries of the endpoint as cancelled. Rows
// that it takes the head of have none any more: all that stand in them wait for
// the same endpoint.
func (l *Ledger) Cancel(ctx context.Context, endpointID string, reason postback.Reason, at time.Time, limit int) (int, error) {
	return l.endSome(ctx, "cancel deliveries", &l.cancelled, ending{
		end: func(s *lockedDelivery) bool {
			if s.state.Ended() {
				return false
			}
			s.end(postback.Cancelled, reason, at)
			return true
		},
		follow: func(ctx context.Context, tx transaction, ended []*lockedDelivery) error {
			_, err := leaveGroups(ctx, tx, ended)
			return err
		},
	}, waitingDeliveries, endpointID, limit)
}

// Expire ends parked deliveries that were opened too long ago as dead letters.
func (l *Ledger) Expire(ctx context.Context, endpointID string, openedBefore, at time.Time, limit int) (int, error) {
	return l.endSome(ctx, "expire deliveries", &l.expired, ending{
		end: func(s *lockedDelivery) bool {
			if s.state != postback.Parked {
				return false
			}
			s.end(postback.Dead, postback.ReasonMaxAge, at)
			return true
		},
		follow: passOn,
	}, expiredDeliveries, endpointID, lowest(openedBefore), openedBefore, limit)
}

// steps are how far the ends of endpoints' deliveries came, each taken for some of
// many: while somebody holds a snapshot, the index keeps the entries of all that
// the steps before ended.
type steps struct {
	mu      sync.Mutex
	reached map[string]string // by endpoint, an id
}

func (s *steps) from(endpointID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reached[endpointID]
}

// came notes what a step found. Behind the last one the next begins anew.
func (s *steps) came(endpointID string, ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(ids) == 0 {
		delete(s.reached, endpointID)
		return
	}
	if s.reached == nil {
		s.reached = map[string]string{}
	}
	s.reached[endpointID] = slices.Max(ids)
}

// ending is how deliveries end without an attempt.
type ending struct {
	end    func(*lockedDelivery) bool                                  // false: it stays as it is
	follow func(context.Context, transaction, []*lockedDelivery) error // for those that were in ordering groups
}

// endSome ends deliveries of an endpoint that a query picks, from where the step
// before came to, and says how many it ended: none means that there is none.
func (l *Ledger) endSome(ctx context.Context, doing string, steps *steps, how ending, query, endpointID string, args ...any) (int, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	for {
		ended, from := 0, steps.from(endpointID)
		var ids []string
		err := l.persist(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
			ended = 0
			ids, err = collect(ctx, tx, one[string], query, append([]any{endpointID, from}, args...)...)
			if err != nil || len(ids) == 0 {
				return err
			}
			ended, err = how.endIn(ctx, tx, ids)
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("%s: %w", doing, err)
		}
		steps.came(endpointID, ids)
		if len(ids) == 0 && from == "" || ended > 0 {
			return ended, nil
		}
		// Others were faster with all of them, or some are left before where it began.
	}
}

// endIn ends deliveries once they are locked, and before them the places of
// those that stand at the head of an ordering group. One that came to stand there in between
// is left for the next step.
func (e ending) endIn(ctx context.Context, tx transaction, ids []string) (ended int, err error) {
	heads, err := collect(ctx, tx, one[string], lockHeads, ids)
	if err != nil {
		return 0, fmt.Errorf("lock ordering groups: %w", err)
	}
	var ordered []*lockedDelivery
	err = relocateIn(ctx, tx, ids, func(s *lockedDelivery) bool {
		movedUp := s.orderKey != "" && s.reason != postback.ReasonOrdered && !slices.Contains(heads, s.id)
		if movedUp || !e.end(s) {
			return false
		}
		if ended++; s.orderKey != "" {
			ordered = append(ordered, s)
		}
		return true
	})
	if err != nil {
		return 0, err
	}
	return ended, e.follow(ctx, tx, ordered)
}
