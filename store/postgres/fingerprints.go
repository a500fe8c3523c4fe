package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/waybillhq/waybill/store"
)

// fingerprintName begins the names of fingerprints among the ledger's own
// values; the id of the key follows.
const fingerprintName = "fingerprint."

// SaveFingerprint records the fingerprint of a sealing key; CodeConflict when
// another one is recorded for its id.
func (l *Ledger) SaveFingerprint(ctx context.Context, keyID uint32, fingerprint string) error {
	name := fingerprintName + strconv.FormatUint(uint64(keyID), 10)
	return l.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING`, name, fingerprint); err != nil {
			return fmt.Errorf("write fingerprint: %w", err)
		}
		recorded, err := single(ctx, tx, "fingerprint", one[string], `SELECT value FROM meta WHERE name = $1`, name)
		if err == nil && recorded != fingerprint {
			return store.OtherKey(keyID)
		}
		return err
	})
}

// Fingerprints returns the fingerprints of the sealing keys by their ids.
func (l *Ledger) Fingerprints(ctx context.Context) (map[uint32]string, error) {
	type record struct{ name, value string }
	ctx, cancel := bound(ctx)
	defer cancel()
	const query = `SELECT name, value FROM meta WHERE name LIKE 'fingerprint.%'`
	records, err := collect(ctx, l.pool, func(r *record) []any { return []any{&r.name, &r.value} }, query)
	if err != nil {
		return nil, fmt.Errorf("read fingerprints: %w", err)
	}
	found := make(map[uint32]string, len(records))
	for _, one := range records {
		id, err := strconv.ParseUint(strings.TrimPrefix(one.name, fingerprintName), 10, 32)
		if err != nil {
			return nil, fmt.Errorf("read fingerprint: %w", err)
		}
		found[uint32(id)] = one.value
	}
	return found, nil
}
