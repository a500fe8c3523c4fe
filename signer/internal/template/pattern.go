package template

import "strings"

// Pattern is a text with slots for a timestamp and a signature.
type Pattern struct {
	Slots []Slot
	End   string // behind the last slot
}

// Slot is the text before {ts} or {sig}.
type Slot struct {
	Before string
	Stamp  bool
}

// HasStamp says whether the timestamp has a slot.
func (p *Pattern) HasStamp() bool {
	for i := range p.Slots {
		if p.Slots[i].Stamp {
			return true
		}
	}
	return false
}

// Fill appends the text with its slots filled.
func (p *Pattern) Fill(dst, stamp, signature []byte) []byte {
	for i := range p.Slots {
		dst = append(dst, p.Slots[i].Before...)
		if p.Slots[i].Stamp {
			dst = append(dst, stamp...)
		} else {
			dst = append(dst, signature...)
		}
	}
	return append(dst, p.End...)
}

// Read takes apart what fill made. stop is what may stand behind it; rest
// begins with it.
func (p *Pattern) Read(text, stop string) (stamp, signature, rest string, ok bool) {
	for i := range p.Slots {
		if text, ok = strings.CutPrefix(text, p.Slots[i].Before); !ok {
			return "", "", "", false
		}
		next := p.End
		if i+1 < len(p.Slots) {
			next = p.Slots[i+1].Before
		}
		end := endOf(text, next, stop)
		if end < 0 {
			return "", "", "", false
		}
		if p.Slots[i].Stamp {
			stamp = text[:end]
		} else {
			signature = text[:end]
		}
		text = text[end:]
	}
	rest, ok = strings.CutPrefix(text, p.End)
	return stamp, signature, rest, ok
}

// endOf returns where a slot's text ends: before next or, without that, before
// stop or at the end.
func endOf(text, next, stop string) int {
	if next != "" {
		return strings.Index(text, next)
	}
	if stop != "" {
		if end := strings.Index(text, stop); end >= 0 {
			return end
		}
	}
	return len(text)
}
