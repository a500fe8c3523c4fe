package app

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/waybillhq/waybill/internal/clock"
	"github.com/waybillhq/waybill/internal/config"
	"github.com/waybillhq/waybill/store/postgres"
)

func checkPostgres(ctx context.Context, cfg config.Config) []Check {
	options := postgresOptions(cfg, slog.New(slog.DiscardHandler))
	state, err := postgres.Inspect(ctx, options)
	if err != nil {
		return []Check{bad("ledger", err, "start the server, or correct --database")}
	}
	checks := []Check{checkVersion(state), checkClock(state), checkDisk(state), checkConnections(state, cfg.DatabaseConnections)}
	if state.Pooled {
		checks = append(checks, checkSettings(state))
	}
	opened, err := openLedger(ctx, cfg, options.Logger)
	if err != nil {
		return append(checks, bad("ledger schema", err, "run waybill migrate with the same --database, as the owner of the tables"))
	}
	defer func() { _ = opened.Close() }()
	checks = append(checks, good("ledger schema", "version %d is current, and the role may use it", opened.Schema().Current), checkPartitions(state))
	return append(checks, checkContent(ctx, cfg, opened)...)
}

func checkVersion(state postgres.State) Check {
	const name = "ledger"
	if !state.Supported {
		return bad(name, fmt.Errorf("PostgreSQL %s answers, and is too old", state.Version), "Waybill needs PostgreSQL 14 or newer")
	}
	return good(name, "PostgreSQL %s answers", state.Version)
}

func checkClock(state postgres.State) Check {
	const name = "ledger clock"
	gap := state.Ahead.Round(time.Millisecond)
	if gap.Abs() > clock.Noticeable {
		return risky(name, fmt.Sprintf("the database's clock is %s from this host's", gap),
			clock.Remedy)
	}
	return good(name, "within %s of this host's", clock.Noticeable)
}

func checkDisk(state postgres.State) Check {
	const name = "ledger durability"
	switch {
	case !state.Fsync:
		return risky(name, "fsync is off: a crash of the database's host can lose accepted events and damage the database", "set fsync = on in postgresql.conf")
	case !state.FullPageWrites:
		return risky(name, "full_page_writes is off: a crash of the database's host can damage the database", "set full_page_writes = on in postgresql.conf")
	case !state.DurableCommits:
		return risky(name, "synchronous_commit is off: a crash of the database can lose accepted events", "remove synchronous_commit from the database URL")
	default:
		return good(name, "commits wait for the disk")
	}
}

// checkSettings compares the settings in force with those that are wanted, where a
// pooler may keep them from the server.
func checkSettings(state postgres.State) Check {
	const name = "ledger settings"
	if len(state.Lacking) > 0 {
		return risky(name, "a connection pooler such as PgBouncer keeps settings of Waybill's connections from the server", strings.Join(state.Lacking, "; "))
	}
	return good(name, "in force, through a connection pooler")
}

func checkConnections(state postgres.State, pool int) Check {
	const name = "ledger connections"
	processes := state.Connections / pool
	if processes < 2 {
		return risky(name, fmt.Sprintf("the database takes %d connections, and this process may open %d: there is no room for a second process", state.Connections, pool),
			"raise max_connections in postgresql.conf, or lower --database-connections")
	}
	return good(name, "the database takes %d: enough for %d processes with up to %d each", state.Connections, processes, pool)
}

func checkPartitions(state postgres.State) Check {
	const name = "ledger partitions"
	switch {
	case !state.Owner:
		return risky(name, "the role owns no tables: it cannot make the partitions of new days, nor drop old ones",
			"make it a member of the owner: GRANT owner TO role")
	case state.DaysAhead < 1:
		return risky(name, "none is ready for tomorrow: its rows would go to the default partition, from where old ones are slow to remove",
			"a running server makes them; see its log if one runs")
	default:
		return good(name, "ready for %s after today", counted(state.DaysAhead, "day"))
	}
}
