package postgres

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"
)

const deliveryPrefix = "dlv_"

// lowest is the smallest id that a delivery of this moment, to the microsecond,
// can have: the digits of a UUIDv7 whose random part is zero.
func lowest(at time.Time) string {
	const version = 7 << 12
	fraction := at.Nanosecond() % int(time.Millisecond) * 4096 / int(time.Millisecond)
	var head [8]byte
	binary.BigEndian.PutUint64(head[:], uint64(at.UnixMilli())<<16|version|uint64(fraction)) //nolint:gosec // times after 1970
	return deliveryPrefix + hex.EncodeToString(head[:])
}

// timeOf is the moment that is in a delivery's id, to the millisecond; false
// when there is none.
func timeOf(id string) (time.Time, bool) {
	digits, found := strings.CutPrefix(id, deliveryPrefix)
	if !found || len(digits) < 12 {
		return time.Time{}, false
	}
	head, err := hex.DecodeString(digits[:12])
	if err != nil {
		return time.Time{}, false
	}
	var whole [8]byte
	copy(whole[2:], head)
	return time.UnixMilli(int64(binary.BigEndian.Uint64(whole[:]))).UTC(), true //nolint:gosec // 48 bits
}
