package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"

	"github.com/pressly/goose/v3"
	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

// applicationID marks a file as a ledger: "WAYB". The first migration sets it.
const applicationID = 0x57415942

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the file to the newest schema that this program knows.
func migrate(ctx context.Context, db *sql.DB, path string) (store.Schema, error) {
	provider, err := newProvider(db)
	if err != nil {
		return store.Schema{}, fmt.Errorf("read migrations: %w", err)
	}
	current, newest, err := provider.GetVersions(ctx)
	if err != nil {
		return store.Schema{}, explainOpen(path, err)
	}
	if current > newest {
		return store.Schema{}, postback.Failure(store.CodeSchema,
			"the ledger %s has schema %d, and this waybill knows schemas up to %d; run the newer waybill that wrote it", path, current, newest)
	}
	if _, err := provider.Up(ctx); err != nil {
		return store.Schema{}, explainOpen(path, err)
	}
	return store.Schema{Found: current, Current: newest}, nil
}

func newProvider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err //nolint:wrapcheck // the callers say what they read
	}
	return goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true)) //nolint:wrapcheck // the callers say what they read
}

// checkFile tells a ledger, or a file that is still empty, from other files. It
// reads with a connection of its own: one with the settings of a ledger would
// change the file already.
func checkFile(ctx context.Context, path string) error {
	db, err := openPool(path, 1, url.Values{})
	if err != nil {
		return err
	}
	id, tables, err := readHeader(ctx, db)
	if err := errors.Join(err, db.Close()); err != nil {
		return explainOpen(path, err)
	}
	if tables > 0 && id != applicationID {
		return postback.Failure(CodeCorrupt,
			"%s is an SQLite database, but not a waybill ledger; move it away or name another ledger", path)
	}
	return nil
}

// readHeader reads whose file it is, and how many tables and indexes it has
// besides those that record migrations.
func readHeader(ctx context.Context, db *sql.DB) (id, tables int, err error) {
	const query = `SELECT application_id,
		(SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'goose%' AND name NOT LIKE 'sqlite%') FROM pragma_application_id`
	err = db.QueryRowContext(ctx, query).Scan(&id, &tables)
	return id, tables, err //nolint:wrapcheck // checkFile says what was read
}

// explainOpen says what to do about a damaged file.
func explainOpen(path string, err error) error {
	if failure, ok := errors.AsType[*driver.Error](err); ok {
		switch failure.Code() & 0xff {
		case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
			return postback.Failure(CodeCorrupt,
				"the ledger %s is damaged or is no ledger (%v); restore it from a backup, or move it away together with its -wal file to begin anew", path, err)
		}
	}
	return fmt.Errorf("open ledger %s: %w", path, err)
}
