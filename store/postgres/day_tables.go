package postgres

import (
	"context"
	"sync"
	"time"
)

// knownDays are the days whose tables are known to be there, and to be ours to name.
// A statement that names them is planned once for each connection. One that names
// their parents is planned each time, for the values say which partitions it is, and
// that takes longer than a statement for one delivery. It is safe for concurrent use.
type knownDays struct {
	mu        sync.Mutex
	successes map[time.Time]string // what records successes of a day
	looked    time.Time            // when they were listed last
}

// listDaysEvery is how soon a day that was not there is looked for again.
const listDaysEvery = time.Minute

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

// recorder is the statement that records successes in the tables of a day; false when
// it has none. They are listed again, now and then, when the day is not known; what
// fails then is known the next time.
func (d *knownDays) recorder(ctx context.Context, db querier, day time.Time) (statement string, named bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if statement, named = d.successes[day]; named {
		return statement, true
	}
	if now := time.Now(); now.Sub(d.looked) >= listDaysEvery {
		d.looked, d.successes = now, map[time.Time]string{}
		days, _ := daysOf(ctx, db, "deliveries")
		for _, one := range days {
			d.successes[one] = recordSuccesses("_" + one.Format(dayForm))
		}
	}
	statement, named = d.successes[day]
	return statement, named
}

// refused reports whether a statement failed because it named a day's tables: they
// were dropped, or belong to a role that grants no more than the use of their parents.
// They are not named again until they are listed anew.
func (d *knownDays) refused(err error) bool {
	if !hasCode(err, undefinedTable) && !hasCode(err, insufficientPrivilege) {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.successes, d.looked = nil, time.Now()
	return true
}
