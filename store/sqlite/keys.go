package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

const saveKey = `INSERT INTO api_keys (id, name, role, publisher, hash, created_at, revoked_at) VALUES (?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT (id) DO UPDATE SET name = excluded.name, role = excluded.role, publisher = excluded.publisher,
	hash = excluded.hash, created_at = excluded.created_at, revoked_at = excluded.revoked_at`

// SaveKey writes a key, new or revoked. A hash that another key has is
// CodeConflict.
func (l *Ledger) SaveKey(ctx context.Context, key postback.APIKey) error {
	_, err := l.change(ctx, "write key", 1, saveKey, key.ID, key.Name, string(key.Role), key.Publisher,
		key.Hash, micros(key.CreatedAt), micros(key.RevokedAt))
	if isUnique(err) {
		return postback.Failure(postback.CodeConflict, "another key has the same hash")
	}
	return err
}

// RevokeKey ends a key. The last admin key that is not revoked is CodeConflict;
// CodeNotFound.
func (l *Ledger) RevokeKey(ctx context.Context, id string, at time.Time) error {
	_, err := write(ctx, l.writer, 1, func(ctx context.Context, db *session) (struct{}, error) {
		return struct{}{}, revokeKey(ctx, db, id, at)
	})
	return err
}

func revokeKey(ctx context.Context, db *session, id string, at time.Time) error {
	key, err := single(ctx, db, "key", store.KeyDest, `SELECT `+store.KeyColumns+` FROM api_keys WHERE id = ?`, id)
	if err != nil || !key.RevokedAt.IsZero() {
		return err
	}
	changed, err := db.exec(ctx, `UPDATE api_keys SET revoked_at = ?1 WHERE id = ?2 AND (role <> ?3 OR EXISTS
		(SELECT 1 FROM api_keys WHERE role = ?3 AND revoked_at IS NULL AND id <> ?2))`, micros(at), id, string(postback.RoleAdmin))
	if err != nil {
		return fmt.Errorf("revoke key: %w", err)
	}
	if changed == 0 {
		return store.LastAdmin() //nolint:wrapcheck // a refusal, which says all
	}
	return nil
}

// isUnique reports whether a statement would have written a value twice.
func isUnique(err error) bool {
	var failure *driver.Error
	return errors.As(err, &failure) && failure.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE
}

// KeyByHash returns the key with this hash, a revoked one too; CodeNotFound.
func (l *Ledger) KeyByHash(ctx context.Context, hash []byte) (postback.APIKey, error) {
	return single(ctx, l.reads, "key", store.KeyDest, `SELECT `+store.KeyColumns+` FROM api_keys WHERE hash = ?`, hash)
}

// Keys lists all keys, newest first.
func (l *Ledger) Keys(ctx context.Context) ([]postback.APIKey, error) {
	const query = `SELECT ` + store.KeyColumns + ` FROM api_keys ORDER BY created_at DESC, seq DESC`
	keys, err := collect(ctx, l.reads, store.KeyDest, query)
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	return keys, nil
}
