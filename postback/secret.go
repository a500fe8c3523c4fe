package postback

import (
	"fmt"
	"log/slog"
	"time"
)

// mask is what a secret looks like wherever it is printed.
const mask = "[secret]"

// Secret is a publisher's signing secret. However it is printed, logged or
// encoded it shows a mask; only Reveal gives the value.
type Secret struct {
	// A pointer, because fmt prints the fields of a secret that is itself in an
	// unexported field without asking Format, and %p never asks: it then shows
	// an address.
	value *string
}

// NewSecret wraps a secret's value.
func NewSecret(value string) Secret { return Secret{value: &value} }

// Reveal gives the value, for signing, for sealing and for the one answer that
// shows it.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// Empty reports whether there is no secret.
func (s Secret) Empty() bool { return s.Reveal() == "" }

// Format masks the secret under every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(mask)) }

// MarshalText masks the secret in JSON and every other text encoding.
func (s Secret) MarshalText() ([]byte, error) { return []byte(mask), nil }

// LogValue masks the secret in logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(mask) }

// SealedSecret is a secret as the ledger keeps it: encrypted, with the version
// that its endpoint counts and the time in which it signs.
type SealedSecret struct {
	Version    int
	Sealed     []byte
	CreatedAt  time.Time
	ActiveFrom time.Time // zero: at once, whatever the clocks of other hosts say
	RetiredAt  time.Time // zero: until it is replaced
	// LastUsedAt is when it last signed an attempt, to within some seconds;
	// zero when it never did.
	LastUsedAt time.Time
}

// SignsAt reports whether the secret signs at a time. One whose value was
// forgotten never does.
func (s SealedSecret) SignsAt(at time.Time) bool {
	return len(s.Sealed) > 0 && !s.ActiveFrom.After(at) && (s.RetiredAt.IsZero() || s.RetiredAt.After(at))
}

// Rotation asks for another secret.
type Rotation struct {
	Secret Secret    // empty: generated in the network's form
	At     time.Time // from when it signs; zero: at once
	// Overlap is how long the secret before signs beside it, in schemes that
	// carry several signatures.
	Overlap time.Duration
	// Replace cancels a rotation that is planned for later, if there is one.
	Replace bool
}
