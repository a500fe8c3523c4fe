package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

const (
	noteOutage = `INSERT INTO outages (` + store.OutageColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (process) DO UPDATE SET reason = excluded.reason, message = excluded.message, since = min(since, excluded.since),
		at = excluded.at, deliveries = excluded.deliveries, endpoints = excluded.endpoints, over = 0`
	selectOutages = `SELECT ` + store.OutageColumns + ` FROM outages WHERE over = 0 ORDER BY process`
	leaveOutage   = `UPDATE outages SET over = 1 WHERE process = ? AND over = 0`
	endOutages    = `DELETE FROM outages RETURNING ` + store.OutageColumns
	tellOutage    = `INSERT INTO notices (type, endpoint_id, at, since, outage) VALUES (?, '', ?, ?, ?)`
)

// NoteOutage writes that a process cannot send, and notes the first one.
func (l *Ledger) NoteOutage(ctx context.Context, outage postback.Outage) error {
	_, err := write(ctx, l.writer, 2, func(ctx context.Context, db *session) (int, error) {
		others, err := collect(ctx, db, store.OutageDest, selectOutages)
		if err != nil {
			return 0, err
		}
		if _, err := db.exec(ctx, noteOutage, outage.Process, outage.Reason, outage.Message,
			micros(outage.Since), micros(outage.At), outage.Deliveries, outage.Endpoints); err != nil {
			return 0, err
		}
		if len(others) > 0 {
			return 0, nil
		}
		return 0, writeOutageNotice(ctx, db, store.Began(outage))
	})
	if err != nil {
		return fmt.Errorf("note outage: %w", err)
	}
	return nil
}

// EndOutage takes a process out of an outage, and notes the last one.
func (l *Ledger) EndOutage(ctx context.Context, process string, at time.Time) error {
	_, err := write(ctx, l.writer, 2, func(ctx context.Context, db *session) (int, error) {
		left, err := db.exec(ctx, leaveOutage, process)
		if err != nil || left == 0 {
			return 0, err
		}
		others, err := collect(ctx, db, store.OutageDest, selectOutages)
		if err != nil || len(others) > 0 {
			return 0, err
		}
		all, err := collect(ctx, db, store.OutageDest, endOutages)
		if err != nil {
			return 0, err
		}
		return 0, writeOutageNotice(ctx, db, store.Ended(all, at))
	})
	if err != nil {
		return fmt.Errorf("end outage: %w", err)
	}
	return nil
}

// Outages lists the processes that cannot send.
func (l *Ledger) Outages(ctx context.Context) ([]postback.Outage, error) {
	found, err := collect(ctx, l.reads, store.OutageDest, selectOutages)
	if err != nil {
		return nil, fmt.Errorf("read outages: %w", err)
	}
	return found, nil
}

func writeOutageNotice(ctx context.Context, db *session, notice postback.Notice) error {
	_, err := db.exec(ctx, tellOutage, notice.Type, micros(notice.At), micros(notice.Since), store.AsJSON(notice.Outage))
	return err
}
