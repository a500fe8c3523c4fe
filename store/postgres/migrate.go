package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

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
// several that migrate at once one does it, and the others wait for it. A
// database that a newer waybill wrote is store.CodeSchema.
func Migrate(ctx context.Context, options Options) (schema store.Schema, err error) {
	if options.URL == "" || options.Logger == nil {
		return store.Schema{}, errors.New("migrate ledger: URL and Logger are required")
	}
	config, err := connConfig(options.URL)
	if err != nil {
		return store.Schema{}, err
	}
	// A migration may take as long as it needs.
	config.RuntimeParams["statement_timeout"] = "0"
	db := stdlib.OpenDB(*config)
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.PingContext(ctx); err != nil {
		return store.Schema{}, fmt.Errorf("migrate ledger: %w", explain(config, err))
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 600))
	if err != nil {
		return store.Schema{}, fmt.Errorf("prepare migration: %w", err)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return store.Schema{}, fmt.Errorf("read migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithDisableGlobalRegistry(true), goose.WithSessionLocker(locker))
	if err != nil {
		return store.Schema{}, fmt.Errorf("read migrations: %w", err)
	}
	if schema.Found, schema.Current, err = provider.GetVersions(ctx); err != nil {
		return store.Schema{}, fmt.Errorf("migrate ledger: %w", explain(config, err))
	}
	if schema.Found > schema.Current {
		return store.Schema{}, newer(schema)
	}
	if _, err := provider.Up(ctx); err != nil {
		return store.Schema{}, fmt.Errorf("migrate ledger: %w", explain(config, err))
	}
	return schema, nil
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
