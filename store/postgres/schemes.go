package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

// nextRevision locks the row that counts revisions until the commit.
const nextRevision = `UPDATE revision SET last = last + 1 RETURNING last`

const (
	saveScheme = `INSERT INTO schemes (name, declaration, created_at, revision) VALUES ($1, $2, $3, $4)
		ON CONFLICT (name) DO UPDATE SET declaration = excluded.declaration, created_at = excluded.created_at,
		revision = excluded.revision, deleted_at = NULL WHERE schemes.deleted_at IS NOT NULL`
	deleteScheme = `UPDATE schemes SET deleted_at = $2, revision = $3 WHERE name = $1 AND deleted_at IS NULL`
	schemeUsers  = `SELECT id, count(*) OVER () FROM endpoints WHERE scheme = $1 AND state <> 'deleted' ORDER BY created_at, seq LIMIT $2`
	schemeStands = `SELECT EXISTS (SELECT FROM schemes WHERE name = $1 AND revision = $2 AND deleted_at IS NULL)`
)

// SaveScheme writes a new scheme, or one under the name of a deleted one. The same
// declaration again changes nothing; another one under a name that is there is
// CodeConflict in the field "name".
func (l *Ledger) SaveScheme(ctx context.Context, scheme postback.DeclaredScheme) error {
	return l.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		revision, err := single(ctx, tx, "revision", one[int64], nextRevision)
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, saveScheme, scheme.Name, clean(string(scheme.Declaration)), moment(scheme.CreatedAt), revision)
		if err != nil {
			return fmt.Errorf("write scheme: %w", err)
		}
		if tag.RowsAffected() == 1 {
			return nil
		}
		stored, err := single(ctx, tx, "scheme", store.SchemeDest, `SELECT `+store.SchemeColumns+` FROM schemes WHERE name = $1`, scheme.Name)
		if err == nil && string(stored.Declaration) != clean(string(scheme.Declaration)) {
			return store.SchemeTaken(scheme.Name)
		}
		return err
	})
}

// DeleteScheme takes a scheme that no endpoint uses out of use. Whoever writes an
// endpoint holds the same row of revisions: one of them comes second and sees what
// the other did. CodeNotFound, CodeConflict.
func (l *Ledger) DeleteScheme(ctx context.Context, name string, at time.Time) error {
	return l.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		revision, err := single(ctx, tx, "revision", one[int64], nextRevision)
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, deleteScheme, name, moment(at), revision)
		switch {
		case err != nil:
			return fmt.Errorf("delete scheme: %w", err)
		case tag.RowsAffected() == 0:
			return missing("scheme")
		}
		users, err := collect(ctx, tx, store.SchemeUserDest, schemeUsers, name, store.ShownUsers)
		if err != nil {
			return fmt.Errorf("look for endpoints of the scheme: %w", err)
		}
		return store.SchemeInUse(name, users)
	})
}

// requireScheme refuses a new endpoint whose declared scheme is there no more.
func requireScheme(ctx context.Context, tx pgx.Tx, endpoint postback.Endpoint) error {
	if endpoint.Revision != 0 || endpoint.SchemeRevision == 0 {
		return nil
	}
	stands, err := single(ctx, tx, "scheme", one[bool], schemeStands, endpoint.Scheme, endpoint.SchemeRevision)
	if err == nil && !stands {
		return store.SchemeChanged(endpoint.Scheme) //nolint:wrapcheck // it says what is wrong
	}
	return err
}

// SchemesSince returns the schemes, deleted ones too, whose Revision is greater, in
// order of Revision.
func (l *Ledger) SchemesSince(ctx context.Context, revision int64) ([]postback.DeclaredScheme, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	const query = `SELECT ` + store.SchemeColumns + ` FROM schemes WHERE revision > $1 ORDER BY revision`
	found, err := collect(ctx, l.pool, store.SchemeDest, query, revision)
	if err != nil {
		return nil, fmt.Errorf("read schemes: %w", err)
	}
	return found, nil
}
