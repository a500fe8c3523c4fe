package demo

import "net/http"

// Flaw names something that a test breaks at one receiver.
type Flaw string

// The flaws.
const (
	WrongSecret  Flaw = "hears another secret"
	Careless     Flaw = "answers 200 to everything"
	NeverMended  Flaw = "fails for ever"
	NeverBroken  Flaw = "works from the start"
	LosesAnswers Flaw = "accepts, but its first answer is lost"
)

// With breaks receivers, by their names.
func (o Options) With(flaws map[string]Flaw) Options {
	o.meddle = func(r *receiver) { flaws[r.name].into(r) }
	return o
}

func (f Flaw) into(r *receiver) {
	switch f {
	case WrongSecret:
		r.mishear = func(secret string) string { return secret + "x" }
	case Careless:
		r.lie = func(receipt) int { return http.StatusOK }
	case NeverMended:
		r.failures = 1_000
	case NeverBroken:
		r.failures, r.down = 0, false
	case LosesAnswers:
		r.lie = func(entry receipt) int {
			if entry.number == 1 && entry.status == http.StatusOK {
				return http.StatusBadGateway
			}
			return entry.status
		}
	}
}
