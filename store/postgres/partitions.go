package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const wholeDay = 24 * time.Hour

// dayForm is how a day stands at the end of its tables' names.
const dayForm = "20060102"

// family is a table that is partitioned by day.
type family struct {
	name    string
	key     string // what the day is in
	columns string // of a row that is moved; generated ones are not written
	storage string
	bound   func(day time.Time) string // the first value of a day
}

// families are in the order in which they are locked.
func families() []family {
	return []family{
		{name: "deliveries", key: "id", storage: "WITH (fillfactor = 60)", bound: firstID, columns: `id, event_id, event_at, event_seq, event_type,
			publisher, endpoint_id, reference, state, reason, test, generation, attempts, attempts_before, last_status_code, last_error,
			created_at, opened_at, completed_at, order_key`},
		{name: "attempts", key: "delivery_id", bound: firstID, columns: `*`},
		{name: "events", key: "accepted_at", bound: firstTime, columns: `*`},
	}
}

// firstID is what the ids of a day's deliveries begin at: the prefix and the
// milliseconds.
func firstID(day time.Time) string { return lowest(day)[:len(deliveryPrefix)+12] }

func firstTime(day time.Time) string { return day.Format(time.RFC3339) }

// partition is the table of one day.
type partition struct {
	family
	day time.Time
}

func (p partition) table() string { return p.name + "_" + p.day.Format(dayForm) }

func (p partition) from() string { return "'" + p.bound(p.day) + "'" }

func (p partition) to() string { return "'" + p.bound(p.day.Add(wholeDay)) + "'" }

// dayOfTable reads the day in a table's name.
func dayOfTable(table string) (time.Time, bool) {
	day, err := time.Parse(dayForm, table[strings.LastIndexByte(table, '_')+1:])
	return day, err == nil
}

// attachedTables are the partitions of days, the oldest first.
const attachedTables = `SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
	WHERE i.inhparent = $1::text::regclass AND c.relname <> $1 || '_default' ORDER BY 1`

// detachedTables are those of days that were detached and not dropped yet.
const detachedTables = `SELECT c.relname FROM pg_class c JOIN pg_class m ON m.oid = 'deliveries'::regclass AND m.relnamespace = c.relnamespace
	WHERE c.relkind = 'r' AND NOT c.relispartition AND c.relname ~ '^(deliveries|attempts|events)_[0-9]{8}$' ORDER BY 1`

// takeTurns lets one process at a time make or drop partitions.
const takeTurns = `SELECT FROM meta WHERE name = 'identity' FOR UPDATE`

// daysOf lists the days that a table has partitions of, the oldest first.
func daysOf(ctx context.Context, db querier, table string) ([]time.Time, error) {
	tables, err := collect(ctx, db, one[string], attachedTables, table)
	if err != nil {
		return nil, fmt.Errorf("list partitions: %w", err)
	}
	var days []time.Time
	for _, name := range tables {
		if day, dated := dayOfTable(name); dated {
			days = append(days, day)
		}
	}
	return days, nil
}

// Prepare makes the partitions of the days from today to the given time.
func (l *Ledger) Prepare(ctx context.Context, until time.Time) error {
	return l.prepareDays(ctx, time.Now(), until)
}

func (l *Ledger) prepareDays(ctx context.Context, from, until time.Time) error {
	for day := from.UTC().Truncate(wholeDay); !day.After(until); day = day.Add(wholeDay) {
		if err := l.prepareDay(ctx, day); err != nil {
			return fmt.Errorf("make partitions of %s: %w", day.Format(time.DateOnly), explain(l.pool.Config().ConnConfig, err))
		}
	}
	return nil
}

func (l *Ledger) prepareDay(ctx context.Context, day time.Time) error {
	return l.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, takeTurns); err != nil {
			return fmt.Errorf("take turns: %w", err)
		}
		for _, f := range families() {
			days, err := daysOf(ctx, tx, f.name)
			if err != nil {
				return err
			}
			if slices.ContainsFunc(days, day.Equal) {
				continue
			}
			for _, statement := range (partition{family: f, day: day}).make() {
				if _, err := tx.Exec(ctx, statement); err != nil {
					return fmt.Errorf("make partition: %w", err)
				}
			}
		}
		return nil
	})
}

// make makes the table of a day, with the rows of that day that came before it.
// To attach a table to its parent stops nobody but those who work with the
// default partition. One that was detached and not dropped yet comes back.
func (p partition) make() []string {
	return []string{
		`SET LOCAL lock_timeout = '5s'`,
		`LOCK TABLE ` + p.name + `_default IN ACCESS EXCLUSIVE MODE`,
		`CREATE TABLE IF NOT EXISTS ` + p.table() + ` (LIKE ` + p.name + ` INCLUDING DEFAULTS INCLUDING GENERATED) ` + p.storage,
		p.move(p.name+`_default`, p.table(), p.key+` >= `+p.from()+` AND `+p.key+` < `+p.to()),
		`ALTER TABLE ` + p.name + ` ATTACH PARTITION ` + p.table() + ` FOR VALUES FROM (` + p.from() + `) TO (` + p.to() + `)`,
	}
}

// move moves rows from one table to another.
func (f family) move(from, to, which string) string {
	into := to
	if f.columns != `*` {
		into += ` (` + f.columns + `)`
	}
	return `WITH moved AS (DELETE FROM ` + from + ` WHERE ` + which + ` RETURNING *) INSERT INTO ` + into + ` SELECT ` + f.columns + ` FROM moved`
}
