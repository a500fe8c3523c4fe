package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

const (
	// lockOutages lets processes say whether they can send one after another, so
	// that one of them is the first, and one the last. Who reads does not wait.
	lockOutages = `LOCK TABLE outages IN EXCLUSIVE MODE`
	noteOutage  = `INSERT INTO outages AS o (` + store.OutageColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (process) DO UPDATE SET reason = excluded.reason, message = excluded.message, since = least(o.since, excluded.since),
		at = excluded.at, deliveries = excluded.deliveries, endpoints = excluded.endpoints, over = false`
	selectOutages = `SELECT ` + store.OutageColumns + ` FROM outages WHERE NOT over ORDER BY process`
	leaveOutage   = `UPDATE outages SET over = true WHERE process = $1 AND NOT over`
	endOutages    = `DELETE FROM outages RETURNING ` + store.OutageColumns
	tellOutage    = `INSERT INTO notices (type, endpoint_id, at, since, outage) VALUES ($1, '', $2, $3, $4)`
)

// NoteOutage writes that a process cannot send, and notes the first one.
func (l *Ledger) NoteOutage(ctx context.Context, outage postback.Outage) error {
	err := l.transactOutages(ctx, func(ctx context.Context, tx pgx.Tx) error {
		others, err := collect(ctx, tx, store.OutageDest, selectOutages)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, noteOutage, clean(outage.Process), clean(outage.Reason), clean(outage.Message),
			outage.Since, outage.At, outage.Deliveries, outage.Endpoints); err != nil {
			return err //nolint:wrapcheck // wrapped below
		}
		if len(others) > 0 {
			return nil
		}
		return writeOutageNotice(ctx, tx, store.Began(outage))
	})
	if err != nil {
		return fmt.Errorf("note outage: %w", err)
	}
	return nil
}

// EndOutage takes a process out of an outage, and notes the last one.
func (l *Ledger) EndOutage(ctx context.Context, process string, at time.Time) error {
	err := l.transactOutages(ctx, func(ctx context.Context, tx pgx.Tx) error {
		left, err := tx.Exec(ctx, leaveOutage, clean(process))
		if err != nil || left.RowsAffected() == 0 {
			return err //nolint:wrapcheck // wrapped below
		}
		others, err := collect(ctx, tx, store.OutageDest, selectOutages)
		if err != nil || len(others) > 0 {
			return err
		}
		all, err := collect(ctx, tx, store.OutageDest, endOutages)
		if err != nil {
			return err
		}
		return writeOutageNotice(ctx, tx, store.Ended(all, at))
	})
	if err != nil {
		return fmt.Errorf("end outage: %w", err)
	}
	return nil
}

// transactOutages changes which processes cannot send, one caller at a time.
func (l *Ledger) transactOutages(ctx context.Context, do func(ctx context.Context, tx pgx.Tx) error) error {
	return l.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockOutages); err != nil {
			return err //nolint:wrapcheck // callers say what they were doing
		}
		return do(ctx, tx)
	})
}

// Outages lists the processes that cannot send.
func (l *Ledger) Outages(ctx context.Context) ([]postback.Outage, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	found, err := collect(ctx, l.pool, store.OutageDest, selectOutages)
	if err != nil {
		return nil, fmt.Errorf("read outages: %w", err)
	}
	return found, nil
}

func writeOutageNotice(ctx context.Context, tx pgx.Tx, notice postback.Notice) error {
	_, err := tx.Exec(ctx, tellOutage, notice.Type, notice.At, notice.Since, store.AsJSON(notice.Outage))
	return err //nolint:wrapcheck // callers say what they were doing
}
