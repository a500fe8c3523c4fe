package sqlite

import (
	"context"
	"fmt"

	"github.com/waybillhq/waybill/postback"
)

const saveScheme = `INSERT INTO schemes (name, declaration, created_at) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING`

// SaveScheme writes a new scheme. The same declaration again changes nothing;
// another one under a name that is there is CodeConflict in the field "name".
func (l *Ledger) SaveScheme(ctx context.Context, scheme postback.DeclaredScheme) error {
	written, err := l.change(ctx, "write scheme", 1, saveScheme, scheme.Name, string(scheme.Declaration), micros(scheme.CreatedAt))
	if err != nil || written == 1 {
		return err
	}
	// A scheme that is there stays as it is, so it can be read after the write.
	stored, err := single(ctx, l.readPool, "scheme", schemeDest, `SELECT `+schemeColumns+` FROM schemes WHERE name = ?`, scheme.Name)
	if err != nil {
		return err
	}
	if string(stored.Declaration) != string(scheme.Declaration) {
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
	const query = `SELECT ` + schemeColumns + ` FROM schemes WHERE revision > ? ORDER BY revision`
	found, err := collect(ctx, l.readPool, schemeDest, query, revision)
	if err != nil {
		return nil, fmt.Errorf("read schemes: %w", err)
	}
	return found, nil
}
