package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

const (
	selectNotices = `SELECT ` + store.NoticeColumns + ` FROM notices WHERE due <= ? ORDER BY seq LIMIT ?`
	forgetNotice  = `DELETE FROM notices WHERE id = ?`
	// takeTurn is when the next alert of an endpoint may be sent.
	takeTurn = `INSERT INTO alert_pace (endpoint_id, free_at) VALUES (?1, ?2 + ?3)
		ON CONFLICT (endpoint_id) DO UPDATE SET free_at = max(free_at + ?3, excluded.free_at) RETURNING free_at - ?4`
	// dropWaitingNews is for an endpoint of which they are not true any more.
	dropWaitingNews = `DELETE FROM notices WHERE endpoint_id = ? AND due > ?`
	takeWaitingNews = dropWaitingNews + ` RETURNING due`
	noteNews        = `INSERT INTO notices (type, endpoint_id, at, since, count, last_error, reason, due) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
	// disabledNews is of an endpoint that was saved as disabled.
	disabledNews = `SELECT 'endpoint.disabled', p.id, p.disabled_at, t.since, coalesce(t.failures, 0), coalesce(t.last_error, ''), p.disabled_reason
		FROM endpoints p LEFT JOIN troubles t ON t.endpoint_id = p.id WHERE p.id = ?`
	noteDead = `INSERT INTO notices (type, endpoint_id, at, since, count, dead) VALUES (?, ?, ?, ?, ?, ?)`

	// countDeadLetter counts a delivery that just became a dead letter, and names it if
	// it is one of the first. Examples count for nothing.
	countDeadLetter = `INSERT INTO deaths (endpoint_id, reason, count, first_at, last_at, deliveries)
		SELECT endpoint_id, reason, 1, completed_at, completed_at, json_array(id) FROM deliveries WHERE id = ?1 AND test = 0
		ON CONFLICT (endpoint_id, reason) DO UPDATE SET count = count + 1,
		first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at),
		deliveries = CASE WHEN count < ?2 THEN json_insert(deliveries, '$[#]', ?1) ELSE deliveries END`
	takeDeadLetters = `DELETE FROM deaths WHERE first_at < ? RETURNING ` + store.DeadLetterColumns
)

// Notices lists the alerts that are due at a time and were not sent yet, oldest
// first.
func (l *Ledger) Notices(ctx context.Context, at time.Time, limit int) ([]postback.Notice, error) {
	found, err := collect(ctx, l.reads, store.NoticeDest, selectNotices, micros(at), limit)
	if err != nil {
		return nil, fmt.Errorf("read notices: %w", err)
	}
	return found, nil
}

// ForgetNotice removes an alert that was sent; false when another caller did.
func (l *Ledger) ForgetNotice(ctx context.Context, id string) (bool, error) {
	gone, err := l.change(ctx, "forget notice", 1, forgetNotice, id)
	return gone > 0, err
}

// SumDeadLetters makes notices of the dead letters that none has counted.
func (l *Ledger) SumDeadLetters(ctx context.Context, before time.Time) error {
	_, err := write(ctx, l.writer, 1, func(ctx context.Context, db *session) (int, error) {
		taken, err := collect(ctx, db, store.DeadLetterDest, takeDeadLetters, micros(before))
		if err != nil {
			return 0, fmt.Errorf("sum dead letters up: %w", err)
		}
		for _, n := range store.Sum(taken) {
			if _, err := db.exec(ctx, noteDead, n.Type, n.EndpointID, micros(n.At), micros(n.Since), n.Count, store.AsJSON(n.Dead)); err != nil {
				return 0, fmt.Errorf("note dead letters: %w", err)
			}
		}
		return 0, nil
	})
	return err
}

// noteDeadLetter counts a delivery that just became a dead letter.
func noteDeadLetter(ctx context.Context, db *session, deliveryID string) error {
	if _, err := db.exec(ctx, countDeadLetter, deliveryID, postback.MaxNamedDead); err != nil {
		return fmt.Errorf("count dead letter: %w", err)
	}
	return nil
}

// note writes the alerts that a query finds news for, each at its endpoint's pace:
// in place of one that waits, or when its turn is.
func note(ctx context.Context, db *session, query string, args ...any) error {
	news, err := collect(ctx, db, store.NewsDest, query, args...)
	for _, one := range news {
		if err == nil {
			err = noteOne(ctx, db, one)
		}
	}
	if err != nil {
		return fmt.Errorf("note alert: %w", err)
	}
	return nil
}

func noteOne(ctx context.Context, db *session, news postback.Notice) error {
	number := func(value *int64) []any { return []any{value} }
	due, err := collect(ctx, db, number, takeWaitingNews, news.EndpointID, micros(news.At))
	if err == nil && len(due) == 0 {
		due, err = collect(ctx, db, number, takeTurn, news.EndpointID, micros(news.At), store.AlertEvery.Microseconds(), store.AlertCredit.Microseconds())
	}
	if err != nil {
		return err
	}
	_, err = db.exec(ctx, noteNews, news.Type, news.EndpointID, micros(news.At), micros(news.Since), news.Count, news.LastError, news.Reason, due[0])
	return err
}
