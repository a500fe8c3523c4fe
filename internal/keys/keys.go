// Package keys makes and checks API keys.
//
// It guarantees that the ledger holds only hashes of keys, that a revoked key
// stops working in every process within a second, and that a client which tries
// keys that do not exist costs the ledger little and keeps out no known key,
// be it from the same address.
package keys

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/waybillhq/waybill/internal/id"
	"github.com/waybillhq/waybill/postback"
)

// Ledger keeps API keys.
type Ledger interface {
	SaveKey(ctx context.Context, key postback.APIKey) error
	KeyByHash(ctx context.Context, hash []byte) (postback.APIKey, error)
	Keys(ctx context.Context) ([]postback.APIKey, error)
	RevokeKey(ctx context.Context, id string, at time.Time) error
}

const (
	prefix   = "wbk_" // lets scanners for leaked credentials know one
	keyBytes = 32
	// trust is how long a key that was good is not looked up again.
	trust = time.Second
	// maxTrusted bounds the memory of good keys.
	maxTrusted = 10_000
)

// Keys makes and checks API keys. It is safe for concurrent use.
type Keys struct {
	ledger Ledger
	now    func() time.Time

	guard guard

	mu       sync.Mutex
	trusted  map[[sha256.Size]byte]trusted
	listed   map[[sha256.Size]byte]bool // all keys, as of listedAt
	listedAt time.Time
}

type trusted struct {
	key   postback.APIKey
	until time.Time
}

// New makes Keys over a ledger.
func New(ledger Ledger) *Keys {
	return &Keys{ledger: ledger, now: time.Now, guard: newGuard(), trusted: map[[sha256.Size]byte]trusted{}}
}

// Create makes a key and returns it with its text, which is shown this once.
func (k *Keys) Create(ctx context.Context, name string, role postback.Role, publisher string) (postback.APIKey, string, error) {
	if err := check(role, publisher); err != nil {
		return postback.APIKey{}, "", err
	}
	text := NewText()
	key, err := k.Adopt(ctx, text, name, role, publisher)
	return key, text, err
}

// NewText makes the text of a key.
func NewText() string {
	secret := make([]byte, keyBytes)
	_, _ = rand.Read(secret) // it never fails: see crypto/rand
	return prefix + base64.RawURLEncoding.EncodeToString(secret)
}

// ReadText reads the text of a key from a file.
func ReadText(path string) (string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read key: %w", err)
	}
	text := strings.TrimSpace(string(content))
	if !strings.HasPrefix(text, prefix) {
		return "", fmt.Errorf("%s holds no API key; move it away to have one created", path)
	}
	return text, nil
}

// Adopt records a key whose text is known already.
func (k *Keys) Adopt(ctx context.Context, text, name string, role postback.Role, publisher string) (postback.APIKey, error) {
	hash := sha256.Sum256([]byte(text))
	now := k.now()
	key := postback.APIKey{
		ID: id.New(id.Key, now), Name: name, Role: role, Publisher: publisher, Hash: hash[:], CreatedAt: now,
	}
	if err := k.ledger.SaveKey(ctx, key); err != nil {
		return postback.APIKey{}, fmt.Errorf("save key: %w", err)
	}
	return key, nil
}

func check(role postback.Role, publisher string) error {
	roles := []postback.Role{postback.RoleAdmin, postback.RoleProducer, postback.RolePublisher, postback.RoleViewer}
	if !slices.Contains(roles, role) {
		return postback.Invalid("role", postback.CodeInvalid, "must be admin, producer, publisher or viewer")
	}
	if role == postback.RolePublisher && publisher == "" {
		return postback.Invalid("publisher", postback.CodeInvalid, "is required for a key with the role publisher")
	}
	if role != postback.RolePublisher && publisher != "" {
		return postback.Invalid("publisher", postback.CodeInvalid, "goes only with the role publisher; leave it out")
	}
	if publisher == postback.Operator {
		return postback.Invalid("publisher", postback.CodeInvalid, "%q is reserved: its endpoints are an admin's", publisher)
	}
	return nil
}

// Authenticate returns the key with this text; CodeUnauthorized when there is
// no such key or it was revoked. A client that fails too often gets
// CodeTooManyRequests, unless there is such a key.
func (k *Keys) Authenticate(ctx context.Context, text string, client netip.Prefix) (postback.APIKey, error) {
	hash := sha256.Sum256([]byte(text))
	key, trusted, known := k.recall(hash)
	if trusted {
		return key, nil
	}
	if !known && k.guard.blocks(client, k.now()) && !k.exists(ctx, hash) {
		return postback.APIKey{}, postback.Failure(postback.CodeTooManyRequests, "too many failed logins from this address; try again in %s", forgiven)
	}
	key, err := k.lookUp(ctx, text, hash)
	if postback.CodeOf(err) == postback.CodeUnauthorized {
		k.guard.fail(client, k.now())
	}
	if err != nil {
		return postback.APIKey{}, err
	}
	k.remember(hash, key)
	return key, nil
}

func (k *Keys) lookUp(ctx context.Context, text string, hash [sha256.Size]byte) (postback.APIKey, error) {
	refused := postback.Failure(postback.CodeUnauthorized, "the API key is not known or was revoked")
	if !strings.HasPrefix(text, prefix) {
		return postback.APIKey{}, refused
	}
	key, err := k.ledger.KeyByHash(ctx, hash[:])
	if postback.CodeOf(err) == postback.CodeNotFound || err == nil && !key.RevokedAt.IsZero() {
		return postback.APIKey{}, refused
	}
	if err != nil {
		return postback.APIKey{}, fmt.Errorf("look up key: %w", err)
	}
	return key, nil
}

// exists reports whether the ledger has a key, by a list that is read once in trust
// at most, however many ask: after a restart no key is known here, and wrong ones
// from the same address must not keep it out.
func (k *Keys) exists(ctx context.Context, hash [sha256.Size]byte) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := k.now(); now.Sub(k.listedAt) >= trust {
		k.listedAt = now
		k.mu.Unlock()
		all, err := k.ledger.Keys(ctx)
		k.mu.Lock()
		if err == nil {
			k.listed = hashes(all)
		}
	}
	return k.listed[hash]
}

func hashes(all []postback.APIKey) map[[sha256.Size]byte]bool {
	set := make(map[[sha256.Size]byte]bool, len(all))
	for _, key := range all {
		if len(key.Hash) == sha256.Size {
			set[[sha256.Size]byte(key.Hash)] = true
		}
	}
	return set
}

// recall finds a key in memory: whether it needs no look-up, and whether it was
// ever good.
func (k *Keys) recall(hash [sha256.Size]byte) (key postback.APIKey, trusted, known bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	found, known := k.trusted[hash]
	return found.key, known && k.now().Before(found.until), known
}

func (k *Keys) remember(hash [sha256.Size]byte, key postback.APIKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.trusted) >= maxTrusted {
		clear(k.trusted)
	}
	k.trusted[hash] = trusted{key: key, until: k.now().Add(trust)}
}

// List lists all keys, newest first.
func (k *Keys) List(ctx context.Context) ([]postback.APIKey, error) {
	keys, err := k.ledger.Keys(ctx)
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	return keys, nil
}

// Revoke ends a key; CodeNotFound. The last admin key cannot be revoked.
func (k *Keys) Revoke(ctx context.Context, keyID string) error {
	if err := k.ledger.RevokeKey(ctx, keyID, k.now()); err != nil {
		return fmt.Errorf("revoke key: %w", err)
	}
	return nil
}
