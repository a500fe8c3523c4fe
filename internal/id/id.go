// Package id makes identifiers: a typed prefix and the 32 hexadecimal digits of
// a UUIDv7 (RFC 9562), so that ids sort by the time they were made for.
package id

import (
	"encoding/binary"
	"encoding/hex"
	"time"

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

// New makes an id with the given prefix for a moment. Ids of different
// microseconds sort by them: 48 bits are the Unix time in milliseconds, and the
// 12 bits behind the version are the fraction of the millisecond in units of
// 1/4096 (RFC 9562, section 6.2, method 3). The rest is random. New panics only
// when the system has no randomness to give.
func New(prefix string, at time.Time) string {
	unique := uuid.Must(uuid.NewRandom())
	const version = 7 << 12
	fraction := at.Nanosecond() % int(time.Millisecond) * 4096 / int(time.Millisecond)
	binary.BigEndian.PutUint64(unique[:], uint64(at.UnixMilli())<<16|version|uint64(fraction)) //nolint:gosec // times after 1970
	return prefix + hex.EncodeToString(unique[:])
}
