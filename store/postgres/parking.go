package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waybillhq/waybill/postback"
)

const (
	waitingDeliveries = `SELECT id FROM waiting WHERE endpoint_id = $1 ORDER BY id LIMIT $2`
	// None is opened before it is made, so the ids bound what is looked at.
	expiredDeliveries = `SELECT w.id FROM waiting w JOIN deliveries d ON d.id = w.id
		WHERE w.endpoint_id = $1 AND w.state = 'parked' AND w.id < $2 AND d.opened_at < $3 ORDER BY w.id LIMIT $4`
)

// Cancel ends up to limit waiting deliveries of the endpoint as cancelled. Rows
// that it takes the head of have none any more: all that stand in them wait for
// the same endpoint.
func (l *Ledger) Cancel(ctx context.Context, endpointID string, reason postback.Reason, at time.Time, limit int) (int, error) {
	return l.endSome(ctx, "cancel deliveries", ending{
		end: func(s *standing) bool {
			if s.state.Ended() {
				return false
			}
			s.end(postback.Cancelled, reason, at)
			return true
		},
		follow: func(ctx context.Context, tx transaction, ended []*standing) error {
			_, err := leaveRows(ctx, tx, ended)
			return err
		},
	}, waitingDeliveries, endpointID, limit)
}

// Expire ends parked deliveries that were opened too long ago as dead letters.
func (l *Ledger) Expire(ctx context.Context, endpointID string, openedBefore, at time.Time, limit int) (int, error) {
	return l.endSome(ctx, "expire deliveries", ending{
		end: func(s *standing) bool {
			if s.state != postback.Parked {
				return false
			}
			s.end(postback.Dead, postback.ReasonMaxAge, at)
			return true
		},
		follow: passOn,
	}, expiredDeliveries, endpointID, lowest(openedBefore), openedBefore, limit)
}

// ending is how deliveries end without an attempt.
type ending struct {
	end    func(*standing) bool                                  // false: it stays as it is
	follow func(context.Context, transaction, []*standing) error // for those that stood in rows
}

// endSome ends the deliveries that a query picks, and says how many it ended:
// none means that there is none.
func (l *Ledger) endSome(ctx context.Context, doing string, how ending, query string, args ...any) (int, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	for {
		found, ended := 0, 0
		err := l.persist(ctx, func(ctx context.Context, tx pgx.Tx) error {
			ended = 0
			ids, err := collect(ctx, tx, one[string], query, args...)
			if found = len(ids); err != nil || found == 0 {
				return err
			}
			ended, err = how.endIn(ctx, tx, ids)
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("%s: %w", doing, err)
		}
		if found == 0 || ended > 0 {
			return ended, nil
		}
		// Others were faster with all of them.
	}
}

// endIn ends deliveries once they are locked, and before them the places of
// those that stand at the head of a row. One that came to stand there in between
// is left for the next step.
func (e ending) endIn(ctx context.Context, tx transaction, ids []string) (ended int, err error) {
	heads, err := collect(ctx, tx, one[string], lockHeads, ids)
	if err != nil {
		return 0, fmt.Errorf("lock rows: %w", err)
	}
	var inRows []*standing
	err = relocateIn(ctx, tx, ids, func(s *standing) bool {
		movedUp := s.orderKey != "" && s.reason != postback.ReasonOrdered && !slices.Contains(heads, s.id)
		if movedUp || !e.end(s) {
			return false
		}
		if ended++; s.orderKey != "" {
			inRows = append(inRows, s)
		}
		return true
	})
	if err != nil {
		return 0, err
	}
	return ended, e.follow(ctx, tx, inRows)
}
