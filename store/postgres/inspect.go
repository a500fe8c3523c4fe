package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// State is what an operator should know of a server and its database.
type State struct {
	Version        string
	Supported      bool          // the version is one that Waybill works with
	Ahead          time.Duration // of the server's clock before this host's; negative when it is behind
	Fsync          bool          // the server waits for its disk
	FullPageWrites bool          // a torn page is mended after a crash
	DurableCommits bool          // a commit is on the disk when it is answered
	Connections    int           // that roles like ours may have open, all together
	Owner          bool          // the role may make and drop the partitions of days
	DaysAhead      int           // days after today that have partitions
	Pooled         bool          // a connection pooler stands between
	Lacking        []string      // statements that would put settings in force that a pooler does not pass on
}

// minVersion is the oldest server that Waybill works with, as
// server_version_num has it.
const minVersion = 14_00_00

const readState = `SELECT current_setting('server_version'), current_setting('server_version_num')::int >= $1,
	current_setting('fsync')::bool, current_setting('full_page_writes')::bool,
	current_setting('synchronous_commit') NOT IN ('off'),
	current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int`

const readOwner = `SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_class c WHERE c.oid = to_regclass('deliveries')`

// Inspect looks at a server and its database over a connection of its own. It
// changes nothing, and needs no schema.
func Inspect(ctx context.Context, options Options) (State, error) {
	config, err := connConfig(options.URL)
	if err != nil {
		return State{}, err
	}
	ctx, cancel := bound(ctx)
	defer cancel()
	db, found, err := approach(ctx, config)
	if err != nil {
		return State{}, explain(config, err)
	}
	_ = db.Close(ctx) // It has shown the way.
	if db, err = pgx.ConnectConfig(ctx, config); err != nil {
		return State{}, explain(config, err)
	}
	defer func() { _ = db.Close(ctx) }() // it has read all it wanted
	state, err := inspect(ctx, db)
	if err != nil {
		return State{}, explain(config, err)
	}
	state.Pooled, state.Lacking = found.pooled, found.mend(config)
	return state, nil
}

func inspect(ctx context.Context, db *pgx.Conn) (State, error) {
	state, err := single(ctx, db, "settings", func(s *State) []any {
		return []any{&s.Version, &s.Supported, &s.Fsync, &s.FullPageWrites, &s.DurableCommits, &s.Connections}
	}, readState, minVersion)
	if err != nil {
		return State{}, err
	}
	if state.Ahead, err = clockAhead(ctx, db); err != nil {
		return State{}, err
	}
	owners, err := collect(ctx, db, one[bool], readOwner)
	if err != nil || len(owners) == 0 {
		return state, err // without tables there is no more to see
	}
	state.Owner = owners[0]
	days, err := daysOf(ctx, db, "deliveries")
	for _, day := range days {
		if day.After(time.Now()) {
			state.DaysAhead++
		}
	}
	return state, err
}

// clockAhead compares the server's clock with ours in the middle of the call.
func clockAhead(ctx context.Context, db *pgx.Conn) (time.Duration, error) {
	asked := time.Now()
	ledgerNow, err := single(ctx, db, "clock", one[time.Time], readClock)
	if err != nil {
		return 0, err
	}
	return ledgerNow.Sub(asked.Add(time.Since(asked) / 2)), nil
}
