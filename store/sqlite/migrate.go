package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/waybillhq/waybill/postback"
)

// applicationID marks a file as a ledger: "WAYB". The first migration sets it.
const applicationID = 0x57415942

//go:embed migrations/*.sql
var migrations embed.FS

// Schema is the version of a ledger's tables: as the file had it, and as
// opening left it.
type Schema struct{ Found, Current int64 }

// migrate brings the file to the newest schema that this program knows. A file
// that is of no use as a ledger is refused and left as it is.
func migrate(ctx context.Context, db *sql.DB, path string) (Schema, error) {
	if err := checkFile(ctx, db, path); err != nil {
		return Schema{}, err
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return Schema{}, fmt.Errorf("read migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return Schema{}, fmt.Errorf("read migrations: %w", err)
	}
	current, newest, err := provider.GetVersions(ctx)
	if err != nil {
		return Schema{}, explainOpen(path, err)
	}
	if current > newest {
		return Schema{}, postback.Failure(CodeSchema,
			"the ledger %s has schema %d, and this waybill knows schemas up to %d; run the newer waybill that wrote it", path, current, newest)
	}
	if _, err := provider.Up(ctx); err != nil {
		return Schema{}, explainOpen(path, err)
	}
	return Schema{Found: current, Current: newest}, nil
}

// checkFile tells a ledger, or a file that is still empty, from other files.
func checkFile(ctx context.Context, db *sql.DB, path string) error {
	var id, tables int
	if err := db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return explainOpen(path, err)
	}
	const count = `SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'goose%' AND name NOT LIKE 'sqlite%'`
	if err := db.QueryRowContext(ctx, count).Scan(&tables); err != nil {
		return explainOpen(path, err)
	}
	if tables > 0 && id != applicationID {
		return postback.Failure(CodeCorrupt,
			"%s is an SQLite database, but not a waybill ledger; move it away or name another ledger", path)
	}
	return nil
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
