package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// dropDetached drops the tables that a step detached and did not come to drop:
// their space is the disk's again. It counts nothing, for their rows were counted.
func (l *Ledger) dropDetached(ctx context.Context, before time.Time) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, scanWait)
	defer cancel()
	tables, err := collect(ctx, l.pool, one[string], detachedTables)
	if err != nil {
		return 0, fmt.Errorf("list detached tables: %w", err)
	}
	for _, table := range tables {
		day, dated := dayOfTable(table)
		if !dated {
			continue
		}
		if table == (partition{families()[2], day}).table() {
			_, err = l.dropEvents(ctx, day)
		} else {
			err = l.dropDeliveries(ctx, day, before)
		}
		if err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// dropDeliveries drops the tables that a day's deliveries and attempts were
// detached in. Now that nobody writes there any more it looks again for what must stay:
// a process whose clock is days behind may have accepted something between the
// first look and the lock, and what was accepted is not lost, whatever the clocks
// say.
func (l *Ledger) dropDeliveries(ctx context.Context, day, before time.Time) error {
	deliveries, attempts := partition{families()[0], day}, partition{families()[1], day}
	return l.slowly(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tables, err := collect(ctx, tx, one[string], detachedTables)
		if err != nil {
			return fmt.Errorf("list detached tables: %w", err)
		}
		var late []string
		if slices.Contains(tables, deliveries.table()) {
			if late, err = collect(ctx, tx, one[string], `SELECT id FROM `+deliveries.table()+survivors, before, nil); err != nil {
				return fmt.Errorf("look again for what must stay: %w", err)
			}
			if err := deliveries.bringBack(ctx, tx, `id = ANY($1)`, late); err != nil {
				return err
			}
		}
		if slices.Contains(tables, attempts.table()) {
			if err := attempts.bringBack(ctx, tx, `delivery_id = ANY($1)`, late); err != nil {
				return err
			}
		}
		return drop(ctx, tx, deliveries.table(), attempts.table())
	})
}

// dropEvents drops the table that a day's events were detached in, after another
// look for what must stay, and frees the ids of what goes.
func (l *Ledger) dropEvents(ctx context.Context, day time.Time) (int, error) {
	events := partition{families()[2], day}
	busy, err := l.busyEvents(ctx, day, nil)
	if err != nil {
		return 0, err
	}
	err = l.slowly(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return events.bringBack(ctx, tx, `seq = ANY($1)`, busy)
	})
	if err != nil {
		return 0, err
	}
	gone, err := l.forgetIDs(ctx, events.table())
	if err != nil {
		return gone, err
	}
	return gone, l.slowly(ctx, func(ctx context.Context, tx pgx.Tx) error { return drop(ctx, tx, events.table()) })
}

// bringBack moves rows of a partition that was detached to the default one.
func (p partition) bringBack(ctx context.Context, tx pgx.Tx, which string, stay any) error {
	if _, err := tx.Exec(ctx, p.move(p.table(), p.name, which), stay); err != nil {
		return fmt.Errorf("move what must stay: %w", err)
	}
	return nil
}

func drop(ctx context.Context, tx pgx.Tx, tables ...string) error {
	if _, err := tx.Exec(ctx, `DROP TABLE IF EXISTS `+strings.Join(tables, `, `)); err != nil {
		return fmt.Errorf("drop detached tables: %w", err)
	}
	return nil
}
