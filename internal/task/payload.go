package task

import (
	"encoding/binary"
	"errors"
	"time"
)

// form is the first byte of a payload: how the rest is written. Redis holds
// hundreds of thousands of payloads, and each is read once, so they are fields one
// after the other, without names.
const form = 2

// errPayload is for a payload that is cut, or of another form.
var errPayload = errors.New("decode task: the payload is not of this version's form")

// writer is a payload that is written.
type writer []byte

func (w *writer) number(n int) { *w = binary.AppendVarint(*w, int64(n)) }

func (w *writer) text(text string) {
	w.number(len(text))
	*w = append(*w, text...)
}

func (w *writer) flag(set bool) {
	if set {
		*w = append(*w, 1)
		return
	}
	*w = append(*w, 0)
}

// moment writes a time to the nanosecond; 0 is the zero time.
func (w *writer) moment(at time.Time) {
	if at.IsZero() {
		w.number(0)
		return
	}
	*w = binary.AppendVarint(*w, at.UnixNano())
}

// reader is a payload that is read. What lacks is zero, and end tells.
type reader struct {
	rest []byte
	cut  bool
}

func open(payload []byte) (*reader, error) {
	if len(payload) == 0 || payload[0] != form {
		return nil, errPayload
	}
	return &reader{rest: payload[1:]}, nil
}

// end reports whether all of the payload was read, and nothing lacked.
func (r *reader) end() error {
	if r.cut || len(r.rest) > 0 {
		return errPayload
	}
	return nil
}

// take is the next bytes of the payload.
func (r *reader) take(count int) []byte {
	if count < 0 || count > len(r.rest) {
		r.rest, r.cut = nil, true
		return nil
	}
	taken := r.rest[:count]
	r.rest = r.rest[count:]
	return taken
}

func (r *reader) varint() int64 {
	n, size := binary.Varint(r.rest)
	if size <= 0 {
		r.take(-1)
		return 0
	}
	r.take(size)
	return n
}

func (r *reader) number() int { return int(r.varint()) }

func (r *reader) text() string { return string(r.take(r.number())) }

func (r *reader) flag() bool {
	one := r.take(1)
	return len(one) > 0 && one[0] == 1
}

func (r *reader) moment() time.Time {
	if n := r.varint(); n != 0 {
		return time.Unix(0, n).UTC()
	}
	return time.Time{}
}
