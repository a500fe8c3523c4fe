package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/waybillhq/waybill/postback"
)

// nextRevision locks the row that counts revisions until the commit.
const nextRevision = `UPDATE revision SET last = last + 1 RETURNING last`

const saveScheme = `INSERT INTO schemes (name, declaration, created_at, revision) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO NOTHING`

// SaveScheme writes a new scheme. The same declaration again changes nothing;
// another one under a name that is there is CodeConflict in the field "name".
func (l *Ledger) SaveScheme(ctx context.Context, scheme postback.DeclaredScheme) error {
	written := false
	err := l.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		revision, err := single(ctx, tx, "revision", one[int64], nextRevision)
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, saveScheme, scheme.Name, clean(string(scheme.Declaration)), moment(scheme.CreatedAt), revision)
		if err != nil {
			return fmt.Errorf("write scheme: %w", err)
		}
		written = tag.RowsAffected() == 1
		return nil
	})
	if err != nil || written {
		return err
	}
	ctx, cancel := bound(ctx)
	defer cancel()
	// A scheme that is there stays as it is, so it can be read after the write.
	stored, err := single(ctx, l.pool, "scheme", schemeDest, `SELECT `+schemeColumns+` FROM schemes WHERE name = $1`, scheme.Name)
	if err != nil {
		return err
	}
	if string(stored.Declaration) != clean(string(scheme.Declaration)) {
		return postback.Invalid("name", postback.CodeConflict,
			"there is another declaration named %s already, and endpoints may use it; choose another name", scheme.Name)
	}
	return nil
}

const schemeColumns = `name, declaration, created_at, revision`

func schemeDest(s *postback.DeclaredScheme) []any {
	return []any{&s.Name, (*[]byte)(&s.Declaration), instant{&s.CreatedAt}, &s.Revision}
}

// SchemesSince returns the schemes whose Revision is greater, in order of
// Revision.
func (l *Ledger) SchemesSince(ctx context.Context, revision int64) ([]postback.DeclaredScheme, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	const query = `SELECT ` + schemeColumns + ` FROM schemes WHERE revision > $1 ORDER BY revision`
	found, err := collect(ctx, l.pool, schemeDest, query, revision)
	if err != nil {
		return nil, fmt.Errorf("read schemes: %w", err)
	}
	return found, nil
}
