package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the database to the newest schema that this program knows. Of
// several that migrate at once one does it, and the others wait for it. Servers
// may be at work meanwhile: no migration keeps them from accepting and recording
// for longer than giveWay. A database that a newer waybill wrote is
// store.CodeSchema.
func Migrate(ctx context.Context, options Options) (schema store.Schema, err error) {
	return migrate(ctx, options, (*goose.Provider).Up)
}

// migration applies migrations. What failed for a lock may be called again.
type migration func(*goose.Provider, context.Context) ([]*goose.MigrationResult, error)

func migrate(ctx context.Context, options Options, apply migration) (schema store.Schema, err error) {
	if options.URL == "" || options.Logger == nil {
		return store.Schema{}, errors.New("migrate ledger: URL and Logger are required")
	}
	config, err := connConfig(options.URL)
	if err != nil {
		return store.Schema{}, err
	}
	first, _, err := approach(ctx, config)
	if err != nil {
		return store.Schema{}, fmt.Errorf("migrate ledger: %w", explain(config, err))
	}
	_ = first.Close(ctx) // It has shown the way.
	if _, passed := config.RuntimeParams["statement_timeout"]; passed {
		config.RuntimeParams["statement_timeout"] = "0" // A migration may take as long as it needs.
	}
	db := stdlib.OpenDB(*config)
	defer func() { err = errors.Join(err, db.Close()) }()
	unlock, err := lockMigrations(ctx, db)
	if err != nil {
		return store.Schema{}, fmt.Errorf("migrate ledger: %w", explain(config, err))
	}
	defer unlock()
	provider, err := newProvider(db)
	if err != nil {
		return store.Schema{}, err
	}
	if schema.Found, schema.Current, err = provider.GetVersions(ctx); err != nil {
		return store.Schema{}, fmt.Errorf("migrate ledger: %w", explain(config, err))
	}
	if schema.Found > schema.Current {
		return store.Schema{}, newer(schema)
	}
	if err := unhurried(ctx, options.Logger, func() error { _, err := apply(provider, ctx); return err }); err != nil {
		return store.Schema{}, fmt.Errorf("migrate ledger: %w", explain(config, err))
	}
	return schema, nil
}

func newProvider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return provider, nil
}

// How those who migrate wait for others.
const (
	turnWait = 200 * time.Millisecond // between two looks whether it is our turn
	giveWay  = 2 * time.Second        // the lock_timeout of the migrations, and the rest between two tries
	lockFor  = 30 * time.Minute       // tries to get a lock
)

// takeMigrations is tried again and again: whoever waited in the server would hold
// up an index that is made concurrently, and that one the next migration.
const takeMigrations = `SELECT pg_try_advisory_xact_lock($1)`

// lockMigrations waits until nobody else migrates. The lock is a transaction's, so
// that it holds behind a pooler, too; its own connection is idle until unlock.
func lockMigrations(ctx context.Context, db *sql.DB) (unlock func(), err error) {
	for {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return nil, fmt.Errorf("lock migrations: %w", err)
		}
		mine := false
		err = tx.QueryRowContext(ctx, takeMigrations, lock.DefaultLockID).Scan(&mine)
		if err == nil {
			// It also ends the snapshot, for which an index that is made concurrently
			// would wait.
			_, err = tx.ExecContext(ctx, `SET LOCAL idle_in_transaction_session_timeout = 0`)
		}
		if err == nil && mine {
			return func() { _ = tx.Rollback() }, nil // It has nothing to write.
		}
		if err := errors.Join(err, tx.Rollback()); err != nil {
			return nil, fmt.Errorf("lock migrations: %w", err)
		}
		if err := pause(ctx, turnWait); err != nil {
			return nil, err
		}
	}
}

// unhurried does again what gave way to others, until it gets through.
func unhurried(ctx context.Context, logger *slog.Logger, do func() error) error {
	for end := time.Now().Add(lockFor); ; {
		err := do()
		if !hasCode(err, lockTimeout) && !hasCode(err, deadlockDetected) || time.Now().After(end) {
			return err
		}
		logger.WarnContext(ctx, "migration waiting for locks, will retry", slog.Any("error", err))
		if err := pause(ctx, giveWay); err != nil {
			return err
		}
	}
}

// pause waits, or says why ctx ended.
func pause(ctx context.Context, wait time.Duration) error {
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx) //nolint:wrapcheck // callers say what they were doing
	}
}

func newer(schema store.Schema) error {
	return postback.Failure(store.CodeSchema,
		"the database has schema %d, and this waybill knows schemas up to %d; run the newer waybill that wrote it", schema.Found, schema.Current)
}

// newestSchema is the version of the last migration that this program has.
func newestSchema() (int64, error) {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil || len(files) == 0 {
		return 0, errors.New("there are no migrations")
	}
	newest, err := goose.NumericComponent(files[len(files)-1])
	if err != nil {
		return 0, fmt.Errorf("read migrations: %w", err)
	}
	return newest, nil
}

const schemaVersion = `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`

// lackingRights are the tables that the role may not work with. The tables that
// a migration made belong to one owner; the others are not asked about.
const lackingRights = `SELECT c.relname || ': ' || p.name
	FROM pg_class c JOIN pg_class m ON m.oid = 'meta'::regclass AND c.relnamespace = m.relnamespace AND c.relowner = m.relowner
	CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) p (name)
	WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname NOT LIKE 'goose%'
	AND NOT has_table_privilege(c.oid, p.name) ORDER BY 1 LIMIT 1`

// checkSchema refuses a database that this program cannot work with.
func checkSchema(ctx context.Context, config *pgx.ConnConfig, db querier) (store.Schema, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	newest, err := newestSchema()
	if err != nil {
		return store.Schema{}, err
	}
	found, err := single(ctx, db, "schema version", one[int64], schemaVersion)
	if err != nil && !hasCode(err, undefinedTable) {
		return store.Schema{}, err
	}
	schema := store.Schema{Found: found, Current: newest}
	if found > newest {
		return schema, newer(schema)
	}
	if found < newest {
		return schema, postback.Failure(store.CodeSchema,
			"the database has schema %d, and this waybill needs schema %d; run: waybill migrate", found, newest)
	}
	rights, err := collect(ctx, db, one[string], lackingRights)
	if err != nil {
		return schema, fmt.Errorf("check rights: %w", err)
	}
	if len(rights) > 0 {
		return schema, lacking(config, rights[0])
	}
	return schema, nil
}
