package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

const (
	selectNotices = `SELECT ` + store.NoticeColumns + ` FROM notices WHERE due <= $1 ORDER BY seq LIMIT $2`
	forgetNotice  = `DELETE FROM notices WHERE id = $1`
	// noteNews writes the alert of what news holds at the endpoint's pace: in place of
	// one that waits, or when its turn is.
	noteNews = `put_off AS (DELETE FROM notices n USING news WHERE n.endpoint_id = news.endpoint_id AND n.due > news.at RETURNING n.due),
		pace AS (INSERT INTO alert_pace AS p (endpoint_id, free_at)
			SELECT endpoint_id, at + $2::interval FROM news WHERE NOT EXISTS (SELECT FROM put_off)
			ON CONFLICT (endpoint_id) DO UPDATE SET free_at = greatest(p.free_at + $2::interval, excluded.free_at) RETURNING free_at),
		noted AS (INSERT INTO notices (type, endpoint_id, at, since, count, last_error, reason, due)
			SELECT type, endpoint_id, at, since, count, last_error, reason,
				coalesce((SELECT min(due) FROM put_off), (SELECT free_at FROM pace) - $3::interval) FROM news)
		`
	// dropWaitingNews is for an endpoint of which they are not true any more.
	dropWaitingNews = `DELETE FROM notices WHERE endpoint_id = $1 AND due > $2`
	// noteDisabled alerts of an endpoint that was saved as disabled.
	noteDisabled = `WITH news AS (
			SELECT 'endpoint.disabled' AS type, p.id AS endpoint_id, p.disabled_at AS at, t.since,
				coalesce(t.failures, 0) AS count, coalesce(t.last_error, '') AS last_error, p.disabled_reason AS reason
			FROM endpoints p LEFT JOIN troubles t ON t.endpoint_id = p.id WHERE p.id = $1), ` + noteNews + `SELECT FROM news`
	noteDead = `INSERT INTO notices (type, endpoint_id, at, since, count, dead) VALUES ($1, $2, $3, $4, $5, $6)`

	insertDeadLetters = `INSERT INTO deaths (endpoint_id, reason, count, first_at, last_at, deliveries)
		SELECT * FROM unnest($1::text[], $2::text[], $3::integer[], $4::timestamptz[], $5::timestamptz[], $6::text[])`
	// insertUnnotedDeadLetters is for those of which it was not noted how they had ended
	// before a replay opened them.
	insertUnnotedDeadLetters = `INSERT INTO deaths (endpoint_id, reason, count, first_at, last_at, deliveries)
		SELECT w.endpoint_id, u.reason, 1, u.at, u.at, to_json(ARRAY[w.id])::text
		FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) u (endpoint_id, id, reason, at)
		JOIN waiting w ON w.endpoint_id = u.endpoint_id AND w.id = u.id WHERE w.ended_state IS NULL`
	takeDeadLetters = `DELETE FROM deaths WHERE first_at < $1 RETURNING ` + store.DeadLetterColumns
)

// Notices lists the alerts that are due at a time and were not sent yet, oldest
// first.
func (l *Ledger) Notices(ctx context.Context, at time.Time, limit int) ([]postback.Notice, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	found, err := collect(ctx, l.pool, store.NoticeDest, selectNotices, at, limit)
	if err != nil {
		return nil, fmt.Errorf("read notices: %w", err)
	}
	return found, nil
}

// ForgetNotice removes an alert that was sent; false when another caller did.
func (l *Ledger) ForgetNotice(ctx context.Context, id string) (bool, error) {
	gone, err := l.change(ctx, "forget notice", forgetNotice, id)
	return gone > 0, err
}

// SumDeadLetters makes notices of the dead letters that none has counted.
func (l *Ledger) SumDeadLetters(ctx context.Context, before time.Time) error {
	err := l.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		taken, err := collect(ctx, tx, store.DeadLetterDest, takeDeadLetters, before)
		if err != nil {
			return err
		}
		batch := &pgx.Batch{}
		for _, n := range store.Sum(taken) {
			batch.Queue(noteDead, n.Type, n.EndpointID, n.At, n.Since, n.Count, store.AsJSON(n.Dead))
		}
		return tx.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return fmt.Errorf("sum dead letters up: %w", err)
	}
	return nil
}

// dead reports whether the delivery's end calls for an alert.
func (s lockedDelivery) dead() bool { return s.state == postback.Dead && !s.test }

// queueUnnotedDeadLetters writes which deliveries are dead letters of those that a
// replay opened, and that nothing was sent for, before they lose their row.
func queueUnnotedDeadLetters(batch *pgx.Batch, unsent []lockedDelivery) {
	dead := slices.DeleteFunc(slices.Clone(unsent), func(s lockedDelivery) bool { return !s.dead() })
	if len(dead) > 0 {
		batch.Queue(insertUnnotedDeadLetters, append(keyArgs(dead),
			texts(dead, func(s lockedDelivery) postback.Reason { return s.reason }),
			times(dead, func(s lockedDelivery) time.Time { return s.completedAt }))...)
	}
}

// queueDeadLetters writes which of some deliveries that ended are dead letters, if
// any are: they call for an alert.
func queueDeadLetters(batch *pgx.Batch, ended []lockedDelivery) error {
	var each []postback.DeadLetters
	for _, s := range ended {
		if s.dead() {
			each = append(each, postback.DeadLetters{
				EndpointID: s.endpointID, Reason: s.reason, Count: 1, First: s.completedAt, Last: s.completedAt, Deliveries: []string{s.id},
			})
		}
	}
	rows := store.Gather(each)
	if len(rows) == 0 {
		return nil
	}
	deliveries, err := store.TextsOf(column(rows, func(d postback.DeadLetters) []string { return d.Deliveries }))
	if err != nil {
		return fmt.Errorf("note dead letters: %w", err)
	}
	batch.Queue(insertDeadLetters,
		texts(rows, func(d postback.DeadLetters) string { return d.EndpointID }),
		texts(rows, func(d postback.DeadLetters) postback.Reason { return d.Reason }),
		column(rows, func(d postback.DeadLetters) int { return d.Count }),
		times(rows, func(d postback.DeadLetters) time.Time { return d.First }),
		times(rows, func(d postback.DeadLetters) time.Time { return d.Last }),
		deliveries)
	return nil
}
