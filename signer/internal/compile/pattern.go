package compile

import (
	"cmp"
	"strings"

	"github.com/waybillhq/waybill/signer/internal/refusal"
	"github.com/waybillhq/waybill/signer/internal/template"
)

// compilePattern reads a template. It must hold {sig} once, and may hold {ts}
// once where stamps says so.
func compilePattern(path, text string, stamps bool) (template.Pattern, error) {
	var compiled template.Pattern
	rest := cmp.Or(text, "{sig}")
	signatures, times := strings.Count(rest, "{sig}"), strings.Count(rest, "{ts}")
	switch {
	case signatures != 1:
		return template.Pattern{}, refusal.Wrong(path, "must hold {sig} once")
	case times > 1 || times == 1 && !stamps:
		return template.Pattern{}, refusal.Wrong(path, "must not hold {ts} here: it stands for the timestamp among the parts, once")
	}
	for {
		open := strings.IndexByte(rest, '{')
		if open < 0 {
			compiled.End = rest
			return compiled, checkPattern(path, &compiled)
		}
		before, after := rest[:open], rest[open:]
		switch {
		case strings.HasPrefix(after, "{sig}"):
			compiled.Slots = append(compiled.Slots, template.Slot{Before: before})
			rest = after[len("{sig}"):]
		case strings.HasPrefix(after, "{ts}"):
			compiled.Slots = append(compiled.Slots, template.Slot{Before: before, Stamp: true})
			rest = after[len("{ts}"):]
		default:
			return template.Pattern{}, refusal.Wrong(path, "knows {sig} and {ts} only")
		}
	}
}

func checkPattern(path string, p *template.Pattern) error {
	for i := range p.Slots {
		if i > 0 && p.Slots[i].Before == "" {
			return refusal.Wrong(path, "needs a text between {ts} and {sig}: nobody could tell them apart")
		}
	}
	for i := range len(p.End) {
		if p.End[i] < ' ' || p.End[i] > '~' {
			return refusal.Wrong(path, "must hold printable ASCII characters only")
		}
	}
	return nil
}
