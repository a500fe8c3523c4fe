// Package seal encrypts secrets at rest with AES-256-GCM under a ring of keys.
//
// It guarantees that a sealed secret opens only for the endpoint and version
// it was sealed for, that every key of the ring opens while the first one
// seals, and that neither keys nor secrets appear in its errors.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/waybillhq/waybill/postback"
)

// CodeSealed says that a sealed secret cannot be opened with this keyring.
const CodeSealed postback.Code = "secret_sealed"

// layout is the first byte of a sealed secret: which layout the rest has.
// Layout 1 is: key id (4 bytes, big endian), random nonce (12), ciphertext and
// tag.
const layout = 1

const headerBytes = 1 + 4

// Keyring seals and opens secrets. It is safe for concurrent use.
type Keyring struct {
	first  uint32
	keys   map[uint32]cipher.AEAD
	prints map[uint32]string
}

// NewKeyring makes a ring of AES-256 keys (32 bytes each) by their ids; first
// is the id of the key that seals.
func NewKeyring(first uint32, keys map[uint32][]byte) (*Keyring, error) {
	ring := &Keyring{first: first, keys: make(map[uint32]cipher.AEAD, len(keys)), prints: make(map[uint32]string, len(keys))}
	for id, key := range keys {
		aead, err := newAEAD(key)
		if err != nil {
			return nil, fmt.Errorf("read key %d of the keyring: %w", id, err)
		}
		ring.keys[id] = aead
		ring.prints[id] = fingerprint(key)
	}
	if ring.keys[first] == nil {
		return nil, fmt.Errorf("the keyring has no key %d to seal with", first)
	}
	return ring, nil
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	if len(key) != keyBytes {
		return nil, fmt.Errorf("it has %d bytes; AES-256 takes %d", len(key), keyBytes)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("make cipher mode: %w", err)
	}
	return aead, nil
}

// Seal encrypts a secret for one version of one endpoint's secret.
func (k *Keyring) Seal(secret postback.Secret, endpointID string, version int) []byte {
	sealed := binary.BigEndian.AppendUint32([]byte{layout}, k.first)
	//nolint:gosec // The mode draws a random nonce itself and takes none.
	return k.keys[k.first].Seal(sealed, nil, []byte(secret.Reveal()), additionalData(endpointID, version))
}

// Has fails with CodeSealed when the ring lacks the key that a secret was sealed
// with. What no key could open is left to Open.
func (k *Keyring) Has(sealed []byte, endpointID string) error {
	if len(sealed) < headerBytes || sealed[0] != layout {
		return nil
	}
	if id := binary.BigEndian.Uint32(sealed[1:]); k.keys[id] == nil {
		return postback.Failure(CodeSealed,
			"the secret of endpoint %s was sealed with key %d, which the keyring lacks; add that key to the keyring", endpointID, id)
	}
	return nil
}

// Open decrypts what Seal made for the same endpoint and version. It fails
// with CodeSealed when the ring lacks the key or the bytes were changed.
func (k *Keyring) Open(sealed []byte, endpointID string, version int) (postback.Secret, error) {
	if len(sealed) < headerBytes || sealed[0] != layout {
		return postback.Secret{}, postback.Failure(CodeSealed, "the sealed secret of endpoint %s has an unknown layout", endpointID)
	}
	if err := k.Has(sealed, endpointID); err != nil {
		return postback.Secret{}, err
	}
	id := binary.BigEndian.Uint32(sealed[1:])
	opened, err := k.keys[id].Open(nil, nil, sealed[headerBytes:], additionalData(endpointID, version))
	if err != nil {
		return postback.Secret{}, postback.Failure(CodeSealed,
			"the secret of endpoint %s does not open with key %d: the keyring or the ledger was changed", endpointID, id)
	}
	return postback.NewSecret(string(opened)), nil
}

// additionalData binds a sealed secret to its place, so that one endpoint's
// secret cannot be put in another's row.
func additionalData(endpointID string, version int) []byte {
	return []byte(endpointID + "\n" + strconv.Itoa(version))
}
