package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

const saveKey = `INSERT INTO api_keys (id, name, role, publisher, hash, created_at, revoked_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
	ON CONFLICT (id) DO UPDATE SET name = excluded.name, role = excluded.role, publisher = excluded.publisher,
	hash = excluded.hash, created_at = excluded.created_at, revoked_at = excluded.revoked_at`

// SaveKey writes a key, new or revoked. A hash that another key has is
// CodeConflict.
func (l *Ledger) SaveKey(ctx context.Context, key postback.APIKey) error {
	_, err := l.change(ctx, "write key", saveKey, key.ID, clean(key.Name), string(key.Role), clean(key.Publisher),
		key.Hash, moment(key.CreatedAt), moment(key.RevokedAt))
	if hasCode(err, uniqueViolation) {
		return postback.Failure(postback.CodeConflict, "another key has the same hash")
	}
	return err
}

// Those who revoke admin keys take turns, or two could revoke the last two.
const (
	lockAdmins = `SELECT id FROM api_keys WHERE role = 'admin' AND revoked_at IS NULL ORDER BY id FOR UPDATE`
	revokeKey  = `UPDATE api_keys SET revoked_at = $2 WHERE id = $1`
)

// RevokeKey ends a key. The last admin key that is not revoked is CodeConflict;
// CodeNotFound.
func (l *Ledger) RevokeKey(ctx context.Context, id string, at time.Time) error {
	return l.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		admins, err := collect(ctx, tx, one[string], lockAdmins)
		if err != nil {
			return fmt.Errorf("read admin keys: %w", err)
		}
		key, err := single(ctx, tx, "key", store.KeyDest, `SELECT `+store.KeyColumns+` FROM api_keys WHERE id = $1`, id)
		if err != nil || !key.RevokedAt.IsZero() {
			return err
		}
		if slices.Equal(admins, []string{id}) {
			return store.LastAdmin()
		}
		if _, err := tx.Exec(ctx, revokeKey, id, moment(at)); err != nil {
			return fmt.Errorf("revoke key: %w", err)
		}
		return nil
	})
}

// KeyByHash returns the key with this hash, a revoked one too; CodeNotFound.
func (l *Ledger) KeyByHash(ctx context.Context, hash []byte) (postback.APIKey, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	return single(ctx, l.pool, "key", store.KeyDest, `SELECT `+store.KeyColumns+` FROM api_keys WHERE hash = $1`, hash)
}

// Keys lists all keys, newest first.
func (l *Ledger) Keys(ctx context.Context) ([]postback.APIKey, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	keys, err := collect(ctx, l.pool, store.KeyDest, `SELECT `+store.KeyColumns+` FROM api_keys ORDER BY created_at DESC, seq DESC`)
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	return keys, nil
}
