package signer

import "strings"

// pattern is a text with slots for a timestamp and a signature.
type pattern struct {
	slots []slot
	end   string // behind the last slot
}

// slot is the text before {ts} or {sig}.
type slot struct {
	before string
	stamp  bool
}

// compilePattern reads a template. It must hold {sig} once, and may hold {ts}
// once where stamps says so.
func compilePattern(path, template string, stamps bool) (pattern, error) {
	var compiled pattern
	rest := or(template, "{sig}")
	signatures, times := strings.Count(rest, "{sig}"), strings.Count(rest, "{ts}")
	switch {
	case signatures != 1:
		return pattern{}, wrong(path, "must hold {sig} once")
	case times > 1 || times == 1 && !stamps:
		return pattern{}, wrong(path, "must not hold {ts} here: it stands for the timestamp among the parts, once")
	}
	for {
		open := strings.IndexByte(rest, '{')
		if open < 0 {
			compiled.end = rest
			return compiled, checkPattern(path, &compiled)
		}
		before, after := rest[:open], rest[open:]
		switch {
		case strings.HasPrefix(after, "{sig}"):
			compiled.slots = append(compiled.slots, slot{before, false})
			rest = after[len("{sig}"):]
		case strings.HasPrefix(after, "{ts}"):
			compiled.slots = append(compiled.slots, slot{before, true})
			rest = after[len("{ts}"):]
		default:
			return pattern{}, wrong(path, "knows {sig} and {ts} only")
		}
	}
}

func checkPattern(path string, p *pattern) error {
	for i := range p.slots {
		if i > 0 && p.slots[i].before == "" {
			return wrong(path, "needs a text between {ts} and {sig}: nobody could tell them apart")
		}
	}
	for i := range len(p.end) {
		if p.end[i] < ' ' || p.end[i] > '~' {
			return wrong(path, "must hold printable ASCII characters only")
		}
	}
	return nil
}

func (p *pattern) hasStamp() bool {
	for i := range p.slots {
		if p.slots[i].stamp {
			return true
		}
	}
	return false
}

// fill appends the text with its slots filled.
func (p *pattern) fill(dst, stamp, signature []byte) []byte {
	for i := range p.slots {
		dst = append(dst, p.slots[i].before...)
		if p.slots[i].stamp {
			dst = append(dst, stamp...)
		} else {
			dst = append(dst, signature...)
		}
	}
	return append(dst, p.end...)
}

// read takes apart what fill made. stop is what may stand behind it; rest
// begins with it.
func (p *pattern) read(text, stop string) (stamp, signature, rest string, ok bool) {
	for i := range p.slots {
		if text, ok = strings.CutPrefix(text, p.slots[i].before); !ok {
			return "", "", "", false
		}
		next := p.end
		if i+1 < len(p.slots) {
			next = p.slots[i+1].before
		}
		end := endOf(text, next, stop)
		if end < 0 {
			return "", "", "", false
		}
		if p.slots[i].stamp {
			stamp = text[:end]
		} else {
			signature = text[:end]
		}
		text = text[end:]
	}
	rest, ok = strings.CutPrefix(text, p.end)
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
