package signer

import (
	"crypto/hmac"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
)

const (
	longestSecret = 512 // bytes
	hexSecretSize = 32  // random bytes, twice as many characters
	alphanumeric  = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// secretForm is how a network's secrets look.
type secretForm struct {
	characters int // alphanumeric characters of a new one; 0: hexSecretSize bytes in hex
	shortest   int // characters that an imported one has at least
}

func hexSecret() secretForm { return secretForm{shortest: 16} }

func alphanumericSecret(characters, shortest int) secretForm {
	return secretForm{characters: characters, shortest: shortest}
}

func (f secretForm) generate(random io.Reader) (string, error) {
	if f.characters == 0 {
		seed := make([]byte, hexSecretSize)
		if _, err := io.ReadFull(random, seed); err != nil {
			return "", fmt.Errorf("read random bytes: %w", err)
		}
		return hex.EncodeToString(seed), nil
	}
	return f.generateAlphanumeric(random)
}

// generateAlphanumeric throws away bytes that would favour some characters.
// That is one byte in 32, so four times the need is always enough for a source
// that is random.
func (f secretForm) generateAlphanumeric(random io.Reader) (string, error) {
	const fair = 256 - 256%len(alphanumeric)
	seed := make([]byte, 4*f.characters)
	if _, err := io.ReadFull(random, seed); err != nil {
		return "", fmt.Errorf("read random bytes: %w", err)
	}
	secret := make([]byte, 0, f.characters)
	for _, b := range seed {
		if int(b) < fair {
			secret = append(secret, alphanumeric[int(b)%len(alphanumeric)])
		}
		if len(secret) == f.characters {
			return string(secret), nil
		}
	}
	return "", fmt.Errorf("make secret: %w", io.ErrNoProgress)
}

func (f secretForm) check(secret string) error {
	switch {
	case secret == "":
		return refuse("secret", CodeSecretMissing, "is empty")
	case len(secret) < f.shortest:
		return refuse("secret", CodeSecretTooShort, "has %d characters; at least %d are needed", len(secret), f.shortest)
	case len(secret) > longestSecret:
		return refuse("secret", CodeSecretTooLong, "is longer than %d characters", longestSecret)
	}
	for i := range len(secret) {
		if c := secret[i]; c <= ' ' || c > '~' {
			return refuse("secret", CodeSecretInvalid,
				"character %d is a space, a control character or not ASCII", i+1)
		}
	}
	return nil
}

// currentSecret is the one that signs when there is room for one signature.
func currentSecret(secrets []string) (string, error) {
	if len(secrets) == 0 || secrets[0] == "" {
		return "", refuse("secret", CodeSecretMissing, "there is no secret to sign with")
	}
	return secrets[0], nil
}

// matchAny returns nil when signature is what sign makes with one of the
// secrets. An empty secret would let anybody sign, so it is refused.
func matchAny(signature, field string, secrets []string, sign func(secret string) []byte) error {
	if len(secrets) == 0 {
		return refuse("secret", CodeSecretMissing, "there is no secret to verify with")
	}
	matched := false
	for _, secret := range secrets {
		if secret == "" {
			return refuse("secret", CodeSecretMissing, "is empty")
		}
		if hmac.Equal(sign(secret), []byte(signature)) {
			matched = true
		}
	}
	if !matched {
		return refuse(field, CodeSignatureMismatch, "the signature does not match: another secret, or a request that was changed")
	}
	return nil
}

// appendHMAC appends the lowercase hex HMAC of text.
func appendHMAC(dst []byte, algorithm func() hash.Hash, secret string, text []byte) []byte {
	mac := hmac.New(algorithm, []byte(secret))
	mac.Write(text)
	var sum [64]byte
	return hex.AppendEncode(dst, mac.Sum(sum[:0]))
}
