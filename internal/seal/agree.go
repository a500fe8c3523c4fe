package seal

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/waybillhq/waybill/postback"
)

// CodeForeign says that the keyring is not the one that sealed the ledger's
// secrets.
const CodeForeign postback.Code = "keyring_foreign"

// Records remembers in the ledger which keys seal.
type Records interface {
	// SaveFingerprint records the fingerprint of the key with an id; another one
	// for the id is postback.CodeConflict.
	SaveFingerprint(ctx context.Context, keyID uint32, fingerprint string) error
	Fingerprints(ctx context.Context) (map[uint32]string, error)
}

// Agree makes sure that all processes on a ledger seal with keys of one
// keyring, as Matches says, and records the keys that are new.
func (k *Keyring) Agree(ctx context.Context, records Records) error {
	if err := k.Matches(ctx, records); err != nil {
		return err
	}
	for id, fingerprint := range k.prints {
		err := records.SaveFingerprint(ctx, id, fingerprint)
		if postback.CodeOf(err) == postback.CodeConflict {
			return foreign(id) // another process was first, with another ring
		}
		if err != nil {
			return fmt.Errorf("record fingerprint of key: %w", err)
		}
	}
	return nil
}

// Matches fails with CodeForeign when a key of the ring has the id of another
// key that the ledger knows, or when the ledger knows keys and none of the
// ring's.
func (k *Keyring) Matches(ctx context.Context, records Records) error {
	known, err := records.Fingerprints(ctx)
	if err != nil {
		return fmt.Errorf("read fingerprints of keys: %w", err)
	}
	shared := 0
	for id, fingerprint := range k.prints {
		switch known[id] {
		case "":
		case fingerprint:
			shared++
		default:
			return foreign(id)
		}
	}
	if len(known) > 0 && shared == 0 {
		return foreign(k.first)
	}
	return nil
}

func foreign(id uint32) error {
	return postback.Failure(CodeForeign,
		"key %d of this keyring is not one that seals this ledger's secrets: every process needs the same keyring; copy it from where the first one was started", id)
}

// fingerprint tells keys apart and nothing of a key: HMAC-SHA256 under the key,
// of a constant text.
func fingerprint(key []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("waybill keyring fingerprint"))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}
