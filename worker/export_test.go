package worker

import (
	"time"

	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/postback"
)

// SetClock replaces the clock.
func (w *Worker) SetClock(now func() time.Time) { w.now = now }

// Verdict is what Classify says.
type Verdict struct {
	Outcome    postback.Outcome
	Code       string
	Next       string
	Reason     postback.Reason
	RetryAfter string
}

// Classify judges an answer.
func Classify(endpoint postback.Endpoint, result egress.Result) Verdict {
	v := classify(endpoint, result)
	shown := Verdict{Outcome: v.outcome, Next: string(v.next), Reason: v.reason, RetryAfter: v.retryAfter}
	if v.failure != nil {
		shown.Code = v.failure.Code
	}
	return shown
}

// ClassesOf are the classes of an egress code.
func ClassesOf(code string) []string { return classesOf(code) }
