// Package id makes identifiers: a typed prefix and the 32 hexadecimal digits of
// a UUIDv7 (RFC 9562), so that ids sort by the time they were made.
package id

import (
	"encoding/hex"

	"github.com/google/uuid"
)

// Prefixes of the kinds of thing that have an id.
const (
	Event    = "evt_"
	Endpoint = "ep_"
	Delivery = "dlv_"
	Replay   = "rpl_"
	Key      = "key_"
)

// New makes an id with the given prefix. It panics only when the system has no
// randomness to give.
func New(prefix string) string {
	unique := uuid.Must(uuid.NewV7())
	return prefix + hex.EncodeToString(unique[:])
}
