package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// setting is what the server must know of our connections.
type setting struct{ name, value string }

// wanted are the settings of a connection. Plans are made for the values at hand,
// because those say which partition it is, and from indexes, because a table that
// was empty when the statistics were made may hold a million rows now. JIT
// compilation costs far more than any of the statements, and so do processes that
// help with one.
func wanted() []setting {
	wait := strconv.FormatInt(statementWait.Milliseconds(), 10)
	return []setting{
		{"statement_timeout", wait},
		{"idle_in_transaction_session_timeout", wait},
		{"tcp_user_timeout", wait},
		{"synchronous_commit", "on"},
		{"default_transaction_isolation", "read committed"},
		{"plan_cache_mode", "force_custom_plan"},
		{"jit", "off"},
		{"max_parallel_workers_per_gather", "0"},
		{"enable_seqscan", "off"},
	}
}

// settle adds our settings where the URL does not say otherwise, and has only
// servers that take writes connected to.
func settle(config *pgx.ConnConfig) {
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectWait
	}
	if config.ValidateConnect == nil {
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	for _, one := range append(wanted(), setting{"application_name", "waybill"}, setting{"timezone", "UTC"}) {
		if _, said := config.RuntimeParams[one.name]; !said {
			config.RuntimeParams[one.name] = one.value
		}
	}
}

// way is how a server is reached.
type way struct {
	pooled bool      // through a pooler: what is set for a session holds for no longer than a transaction
	lacks  []setting // the wanted ones that are not in force, as they are
}

// approach connects once, finds out how the server is reached, and fits the
// configuration to that. A pooler such as PgBouncer refuses settings of a session,
// or forgets them, and does not keep prepared statements.
func approach(ctx context.Context, config *pgx.ConnConfig) (*pgx.Conn, way, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	settle(config)
	var found way
	db, err := pgx.ConnectConfig(ctx, config)
	if refusesSettings(err) {
		found.pooled = true
		for _, one := range wanted() {
			delete(config.RuntimeParams, one.name)
		}
		db, err = pgx.ConnectConfig(ctx, config)
	}
	if err != nil {
		return nil, found, err //nolint:wrapcheck // callers explain it
	}
	if err := found.look(ctx, db); err != nil {
		return nil, found, errors.Join(err, db.Close(ctx))
	}
	if found.pooled && config.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement {
		config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	return db, found, nil
}

// refusesSettings reports whether a pooler does not know a startup parameter.
func refusesSettings(err error) bool {
	failure, ok := errors.AsType[*pgconn.PgError](err)
	return ok && failure.Code == protocolViolation && strings.Contains(failure.Message, "startup parameter")
}

const readSettings = `SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY($1)`

// look compares what is in force with what is wanted. The process that answers is
// not the one that said hello when a pooler stands between.
func (w *way) look(ctx context.Context, db *pgx.Conn) error {
	rows, err := db.Query(ctx, `SELECT pg_backend_pid()`, pgx.QueryExecModeExec)
	if err != nil {
		return fmt.Errorf("look for a pooler: %w", err)
	}
	pids, err := scanAll(rows, one[uint32])
	if err != nil {
		return fmt.Errorf("look for a pooler: %w", err)
	}
	w.pooled = w.pooled || pids[0] != db.PgConn().PID()
	if !w.pooled {
		return nil // What the URL says otherwise, it says on purpose.
	}
	all := wanted()
	rows, err = db.Query(ctx, readSettings, pgx.QueryExecModeExec, column(all, func(s setting) string { return s.name }))
	if err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	inForce, err := scanAll(rows, func(s *setting) []any { return []any{&s.name, &s.value} })
	if err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	for _, one := range inForce {
		if one.name != "tcp_user_timeout" && !slices.ContainsFunc(all, one.same) { // that one is the pooler's
			w.lacks = append(w.lacks, one)
		}
	}
	return nil
}

// same compares values; a time may have a unit.
func (s setting) same(other setting) bool {
	return s.name == other.name && (s.value == other.value || s.value == statementWait.String() && other.value == strconv.FormatInt(statementWait.Milliseconds(), 10))
}

// mend are the statements that put the settings in force that are lacking.
func (w way) mend(config *pgx.ConnConfig) []string {
	var statements []string
	for _, one := range wanted() {
		if slices.ContainsFunc(w.lacks, func(s setting) bool { return s.name == one.name }) {
			statements = append(statements, fmt.Sprintf(`ALTER ROLE "%s" IN DATABASE "%s" SET %s = '%s'`, config.User, config.Database, one.name, one.value))
		}
	}
	return statements
}

// warn names settings that a pooler keeps from the server.
func (w way) warn(ctx context.Context, logger *slog.Logger, config *pgx.ConnConfig) {
	if len(w.lacks) > 0 {
		logger.WarnContext(ctx, "connection pooler drops settings of the ledger's connections; set them for the role",
			slog.String("statements", strings.Join(w.mend(config), "; ")))
	}
}
