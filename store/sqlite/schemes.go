package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

const (
	saveScheme = `INSERT INTO schemes (name, declaration, created_at) VALUES (?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET declaration = excluded.declaration, created_at = excluded.created_at,
		revision = (SELECT max(revision) + 1 FROM schemes), deleted_at = NULL WHERE schemes.deleted_at IS NOT NULL`
	deleteScheme = `UPDATE schemes SET deleted_at = ?, revision = (SELECT max(revision) + 1 FROM schemes) WHERE name = ? AND deleted_at IS NULL`
	schemeUsers  = `SELECT id, count(*) OVER () FROM endpoints WHERE scheme = ? AND state <> 'deleted' ORDER BY created_at, seq LIMIT ?`
	schemeStands = `SELECT EXISTS (SELECT 1 FROM schemes WHERE name = ? AND revision = ? AND deleted_at IS NULL)`
)

// SaveScheme writes a new scheme, or one under the name of a deleted one. The same
// declaration again changes nothing; another one under a name that is there is
// CodeConflict in the field "name".
func (l *Ledger) SaveScheme(ctx context.Context, scheme postback.DeclaredScheme) error {
	_, err := write(ctx, l.writer, 1, func(ctx context.Context, db *session) (struct{}, error) {
		return struct{}{}, saveSchemeIn(ctx, db, scheme)
	})
	return err
}

func saveSchemeIn(ctx context.Context, db *session, scheme postback.DeclaredScheme) error {
	written, err := db.exec(ctx, saveScheme, scheme.Name, string(scheme.Declaration), micros(scheme.CreatedAt))
	if err != nil {
		return fmt.Errorf("write scheme: %w", err)
	}
	if written == 1 {
		return nil
	}
	stored, err := single(ctx, db, "scheme", store.SchemeDest, `SELECT `+store.SchemeColumns+` FROM schemes WHERE name = ?`, scheme.Name)
	if err == nil && string(stored.Declaration) != string(scheme.Declaration) {
		return store.SchemeTaken(scheme.Name) //nolint:wrapcheck // it says what is wrong
	}
	return err
}

// DeleteScheme takes a scheme that no endpoint uses out of use. One connection
// writes, so that no endpoint comes in between. CodeNotFound, CodeConflict.
func (l *Ledger) DeleteScheme(ctx context.Context, name string, at time.Time) error {
	_, err := write(ctx, l.writer, 1, func(ctx context.Context, db *session) (struct{}, error) {
		return struct{}{}, deleteSchemeIn(ctx, db, name, at)
	})
	return err
}

func deleteSchemeIn(ctx context.Context, db *session, name string, at time.Time) error {
	deleted, err := db.exec(ctx, deleteScheme, micros(at), name)
	switch {
	case err != nil:
		return fmt.Errorf("delete scheme: %w", err)
	case deleted == 0:
		return missing("scheme")
	}
	users, err := collect(ctx, db, store.SchemeUserDest, schemeUsers, name, store.ShownUsers)
	if err != nil {
		return fmt.Errorf("look for endpoints of the scheme: %w", err)
	}
	return store.SchemeInUse(name, users) //nolint:wrapcheck // it says what is wrong
}

// requireScheme refuses a new endpoint whose declared scheme is there no more.
func requireScheme(ctx context.Context, db *session, endpoint postback.Endpoint) error {
	if endpoint.Revision != 0 || endpoint.SchemeRevision == 0 {
		return nil
	}
	stands, err := single(ctx, db, "scheme", func(b *bool) []any { return []any{b} }, schemeStands, endpoint.Scheme, endpoint.SchemeRevision)
	if err == nil && !stands {
		return store.SchemeChanged(endpoint.Scheme) //nolint:wrapcheck // it says what is wrong
	}
	return err
}

// SchemesSince returns the schemes, deleted ones too, whose Revision is greater, in
// order of Revision.
func (l *Ledger) SchemesSince(ctx context.Context, revision int64) ([]postback.DeclaredScheme, error) {
	const query = `SELECT ` + store.SchemeColumns + ` FROM schemes WHERE revision > ? ORDER BY revision`
	found, err := collect(ctx, l.reads, store.SchemeDest, query, revision)
	if err != nil {
		return nil, fmt.Errorf("read schemes: %w", err)
	}
	return found, nil
}
