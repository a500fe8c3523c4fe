package postgres

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// dayTables hold the deliveries of a day, and their attempts. A statement that names
// them is planned once for each connection. One that names their parents is planned
// each time, for the values say which partitions it is, and that takes longer than a
// statement for one delivery.
type dayTables struct{ deliveries, attempts string }

// parents hold every day.
func parents() dayTables { return dayTables{"deliveries", "attempts"} }

// tablesOf are those of one day.
func tablesOf(day time.Time) dayTables {
	all, suffix := parents(), "_"+day.Format("20060102")
	return dayTables{all.deliveries + suffix, all.attempts + suffix}
}

// in has a statement that leaves {deliveries} and {attempts} open name the tables.
func (t dayTables) in(statement string) string {
	return strings.NewReplacer("{deliveries}", t.deliveries, "{attempts}", t.attempts).Replace(statement)
}

// queue queues a statement that leaves them open.
func (t dayTables) queue(batch *pgx.Batch, statement string, args ...any) *pgx.QueuedQuery {
	if t != parents() {
		batch.Queue("SET LOCAL plan_cache_mode = force_generic_plan")
	}
	return batch.Queue(t.in(statement), args...)
}

// knownDays are the days whose tables are known to be there, and to be ours to name.
// It is safe for concurrent use.
type knownDays struct {
	mu     sync.Mutex
	named  map[time.Time]bool
	looked time.Time // when they were listed last
}

// listDaysEvery is how soon a day that was not there is looked for again.
const listDaysEvery = time.Minute

// tables are those to name for some deliveries: of the day that all of them are of,
// if it has any.
func (l *Ledger) tables(ctx context.Context, ids []string) dayTables {
	day, one := commonDay(ids)
	if !one || !l.days.has(ctx, l.pool, day) {
		return parents()
	}
	return tablesOf(day)
}

// commonDay is the day that all deliveries are of; false when they are of several,
// or an id says none.
func commonDay(ids []string) (day time.Time, one bool) {
	for i, id := range ids {
		at, found := timeOf(id)
		at = at.Truncate(wholeDay)
		if !found || i > 0 && !at.Equal(day) {
			return time.Time{}, false
		}
		day = at
	}
	return day, len(ids) > 0
}

// has reports whether a day has tables of its own. It lists them again when it does
// not know the day, now and then; what fails then is known the next time.
func (d *knownDays) has(ctx context.Context, db querier, day time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.named[day] {
		return true
	}
	if now := time.Now(); now.Sub(d.looked) >= listDaysEvery {
		d.looked, d.named = now, map[time.Time]bool{}
		days, _ := daysOf(ctx, db, parents().deliveries)
		for _, day := range days {
			d.named[day] = true
		}
	}
	return d.named[day]
}

// refused reports whether a statement failed because it named a day's tables: they
// were dropped, or belong to a role that grants no more than the use of their parents.
// They are not named again until they are listed anew.
func (d *knownDays) refused(tables dayTables, err error) bool {
	if tables == parents() || !hasCode(err, undefinedTable) && !hasCode(err, insufficientPrivilege) {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.named, d.looked = nil, time.Now()
	return true
}
