// Package secret knows how a network's secrets look: it makes new ones, refuses
// imported ones that do not fit, and returns the key that one spells. Its errors hold
// no secret.
package secret

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/waybillhq/waybill/signer/internal/declare"
	"github.com/waybillhq/waybill/signer/internal/refusal"
)

const (
	longestSecret = 512 // bytes
	alphanumeric  = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// Form is how a network's secrets look.
type Form struct {
	Generated string
	Length    int // characters of a new one, or random bytes that hex or base64 spells
	Prefix    string
	Shortest  int // bytes of the key that an imported one has at least
	Longest   int // bytes of the key that it has at most; 0: no bound
	Key       Key
}

// Generate makes a secret out of random bytes. An error wraps that of their source.
func (f *Form) Generate(random io.Reader) (string, error) {
	if f.Generated == declare.GenerateAlphanumeric {
		return f.generateAlphanumeric(random)
	}
	seed := make([]byte, f.Length)
	if _, err := io.ReadFull(random, seed); err != nil {
		return "", fmt.Errorf("read random bytes: %w", err)
	}
	if f.Generated == declare.GenerateBase64 {
		return f.Prefix + base64.StdEncoding.EncodeToString(seed), nil
	}
	return f.Prefix + hex.EncodeToString(seed), nil
}

// generateAlphanumeric throws away bytes that would favour some characters.
// That is one byte in 32, so four times the need is always enough for a source
// that is random.
func (f *Form) generateAlphanumeric(random io.Reader) (string, error) {
	const fair = 256 - 256%len(alphanumeric)
	seed := make([]byte, 4*f.Length)
	if _, err := io.ReadFull(random, seed); err != nil {
		return "", fmt.Errorf("read random bytes: %w", err)
	}
	secret := make([]byte, 0, f.Length)
	for _, b := range seed {
		if int(b) < fair {
			secret = append(secret, alphanumeric[int(b)%len(alphanumeric)])
		}
		if len(secret) == f.Length {
			return f.Prefix + string(secret), nil
		}
	}
	return "", fmt.Errorf("make secret: %w", io.ErrNoProgress)
}

// Check refuses what is no secret of the form, or holds characters that get lost
// when it is copied.
func (f *Form) Check(secret string) error {
	switch {
	case secret == "":
		return refusal.New("secret", refusal.CodeSecretMissing, "is empty")
	case len(secret) > longestSecret:
		return refusal.New("secret", refusal.CodeSecretTooLong, "is longer than %d characters", longestSecret)
	}
	for i := range len(secret) {
		if c := secret[i]; c <= ' ' || c > '~' {
			return refusal.New("secret", refusal.CodeSecretInvalid,
				"character %d is a space, a control character or not ASCII", i+1)
		}
	}
	_, err := f.Decode(secret)
	return err
}

// Decode returns the key that a secret spells, within the bounds of the form.
func (f *Form) Decode(secret string) ([]byte, error) {
	unit := "characters"
	if f.Key.Encoding != declare.KeyUTF8 {
		unit = "bytes once it is decoded"
	}
	key, err := f.Key.Decode(secret)
	switch {
	case err != nil:
		return nil, err
	case len(key) < f.Shortest:
		return nil, refusal.New("secret", refusal.CodeSecretTooShort, "has %d %s; at least %d are needed", len(key), unit, f.Shortest)
	case f.Longest > 0 && len(key) > f.Longest:
		return nil, refusal.New("secret", refusal.CodeSecretTooLong, "has %d %s; at most %d are allowed", len(key), unit, f.Longest)
	}
	return key, nil
}

// Probe makes a secret of the form that is thrown away.
func (f *Form) Probe() (string, error) {
	return f.Generate(counter{})
}

// counter is a source of bytes that are not random.
type counter struct{}

func (counter) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(i)
	}
	return len(p), nil
}
