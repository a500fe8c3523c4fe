package signer

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
)

const (
	longestSecret = 512 // bytes
	alphanumeric  = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

	generateAlphanumeric = "alphanumeric"
	generateHex          = "hex"
	generateBase64       = "base64"
)

// secretForm is how a network's secrets look.
type secretForm struct {
	generated string
	length    int // characters of a new one, or random bytes that hex or base64 spells
	prefix    string
	shortest  int // bytes of the key that an imported one has at least
	longest   int // bytes of the key that it has at most; 0: no bound
	key       keyForm
}

func (f *secretForm) generate(random io.Reader) (string, error) {
	if f.generated == generateAlphanumeric {
		return f.generateAlphanumeric(random)
	}
	seed := make([]byte, f.length)
	if _, err := io.ReadFull(random, seed); err != nil {
		return "", fmt.Errorf("read random bytes: %w", err)
	}
	if f.generated == generateBase64 {
		return f.prefix + base64.StdEncoding.EncodeToString(seed), nil
	}
	return f.prefix + hex.EncodeToString(seed), nil
}

// generateAlphanumeric throws away bytes that would favour some characters.
// That is one byte in 32, so four times the need is always enough for a source
// that is random.
func (f *secretForm) generateAlphanumeric(random io.Reader) (string, error) {
	const fair = 256 - 256%len(alphanumeric)
	seed := make([]byte, 4*f.length)
	if _, err := io.ReadFull(random, seed); err != nil {
		return "", fmt.Errorf("read random bytes: %w", err)
	}
	secret := make([]byte, 0, f.length)
	for _, b := range seed {
		if int(b) < fair {
			secret = append(secret, alphanumeric[int(b)%len(alphanumeric)])
		}
		if len(secret) == f.length {
			return f.prefix + string(secret), nil
		}
	}
	return "", fmt.Errorf("make secret: %w", io.ErrNoProgress)
}

func (f *secretForm) check(secret string) error {
	switch {
	case secret == "":
		return refuse("secret", CodeSecretMissing, "is empty")
	case len(secret) > longestSecret:
		return refuse("secret", CodeSecretTooLong, "is longer than %d characters", longestSecret)
	}
	for i := range len(secret) {
		if c := secret[i]; c <= ' ' || c > '~' {
			return refuse("secret", CodeSecretInvalid,
				"character %d is a space, a control character or not ASCII", i+1)
		}
	}
	_, err := f.decode(secret)
	return err
}

// decode returns the key that a secret spells, within the bounds of the form.
func (f *secretForm) decode(secret string) ([]byte, error) {
	unit := "characters"
	if f.key.encoding != keyUTF8 {
		unit = "bytes once it is decoded"
	}
	key, err := f.key.decode(secret)
	switch {
	case err != nil:
		return nil, err
	case len(key) < f.shortest:
		return nil, refuse("secret", CodeSecretTooShort, "has %d %s; at least %d are needed", len(key), unit, f.shortest)
	case f.longest > 0 && len(key) > f.longest:
		return nil, refuse("secret", CodeSecretTooLong, "has %d %s; at most %d are allowed", len(key), unit, f.longest)
	}
	return key, nil
}

// requireSecret wants the first secret, which signs when there is room for one
// signature.
func requireSecret(secrets []string) error {
	if len(secrets) == 0 || secrets[0] == "" {
		return refuse("secret", CodeSecretMissing, "there is no secret to sign with")
	}
	return nil
}

// eachSecret calls check with every secret. An empty one would let anybody
// sign, so it is refused.
func eachSecret(secrets []string, check func(secret string) error) error {
	if len(secrets) == 0 {
		return refuse("secret", CodeSecretMissing, "there is no secret to verify with")
	}
	if slices.Contains(secrets, "") {
		return refuse("secret", CodeSecretMissing, "is empty")
	}
	for _, secret := range secrets {
		if err := check(secret); err != nil {
			return err
		}
	}
	return nil
}

func mismatch(field string) *Error {
	return refuse(field, CodeSignatureMismatch, "the signature does not match: another secret, or a request that was changed")
}

// matchesAny says, in constant time for each, whether made is among the
// signatures.
func matchesAny(made []byte, signatures []string) bool {
	matched := false
	for _, signature := range signatures {
		if hmac.Equal(made, []byte(signature)) {
			matched = true
		}
	}
	return matched
}
