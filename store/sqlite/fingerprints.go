package sqlite

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/waybillhq/waybill/store"
)

// fingerprintName begins the names of fingerprints among the ledger's own
// values; the id of the key follows.
const fingerprintName = "fingerprint."

// SaveFingerprint records the fingerprint of a sealing key; CodeConflict when
// another one is recorded for its id.
func (l *Ledger) SaveFingerprint(ctx context.Context, keyID uint32, fingerprint string) error {
	name := fingerprintName + strconv.FormatUint(uint64(keyID), 10)
	recorded, err := write(ctx, l.writer, 1, func(ctx context.Context, db *session) (string, error) {
		if _, err := db.exec(ctx, `INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING`, name, fingerprint); err != nil {
			return "", fmt.Errorf("write fingerprint: %w", err)
		}
		var value string
		err := db.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = ?`, name).Scan(&value)
		return value, err //nolint:wrapcheck // cannot fail but as the write did
	})
	if err == nil && recorded != fingerprint {
		return store.OtherKey(keyID) //nolint:wrapcheck // a refusal, which says all
	}
	return err
}

// Fingerprints returns the fingerprints of the sealing keys by their ids.
func (l *Ledger) Fingerprints(ctx context.Context) (map[uint32]string, error) {
	type record struct{ name, value string }
	const query = `SELECT name, value FROM meta WHERE name LIKE 'fingerprint.%'`
	records, err := collect(ctx, l.reads, func(r *record) []any { return []any{&r.name, &r.value} }, query)
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
