package worker

import (
	"context"
	"log/slog"
	"time"

	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/internal/expect"
	"github.com/waybillhq/waybill/postback"
)

// SetWayPatience sets how long a task waits for a way out that is down.
func (w *Worker) SetWayPatience(patience time.Duration) { w.wayPatience = patience }

// Verdict is what Classify says.
type Verdict struct {
	Outcome    postback.Outcome
	Code       string
	Next       string
	Reason     postback.Reason
	RetryAfter string
	Note       string
}

// Classify judges an answer.
func Classify(endpoint postback.Endpoint, result egress.Result) Verdict {
	var expected *expect.Check
	if endpoint.Expect != nil {
		var err error
		if expected, err = expect.Compile(*endpoint.Expect); err != nil {
			panic(err)
		}
	}
	v := classify(endpoint, expected, result)
	shown := Verdict{Outcome: v.outcome, Next: string(v.next), Reason: v.reason, RetryAfter: v.retryAfter, Note: v.note}
	if v.failure != nil {
		shown.Code = v.failure.Code
	}
	return shown
}

// ClassesOf are the classes of an egress code.
func ClassesOf(code string) []string { return classesOf(code) }

// Judge is what an attempt does to judge an answer; it reports success.
func Judge() func(postback.Endpoint, egress.Result) bool {
	expected := expectations{compiled: map[string]expectation{}}
	return func(endpoint postback.Endpoint, result egress.Result) bool {
		check, err := expected.of(endpoint)
		return err == nil && classify(endpoint, check, result).next == done
	}
}

// Flights lets tests count attempts under way.
type Flights struct{ *flights }

// NewFlights makes one with nothing under way.
func NewFlights(patience time.Duration) *Flights { return &Flights{newFlights(patience)} }

// Enter takes a place.
func (f *Flights) Enter(ctx context.Context, endpointID string, places int) bool {
	return f.enter(ctx, endpointID, places)
}

// Leave gives it back.
func (f *Flights) Leave(endpointID string) { f.leave(endpointID) }

// Known counts the endpoints that are remembered.
func (f *Flights) Known() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.byID)
}

// Bounded is what is kept of an answer's headers.
func Bounded(headers map[string]string) (map[string]string, string) { return bounded(headers) }

// OfUses is as much of a worker as saves when secrets were last used.
func OfUses(ledger SecretUses, logger *slog.Logger) *Worker {
	return &Worker{Options: Options{Uses: ledger, Logger: logger}, uses: uses{last: map[use]time.Time{}}}
}

// NoteUse notes that a secret signed an attempt.
func (w *Worker) NoteUse(endpointID string, version int, at time.Time) {
	w.uses.note(endpointID, version, at)
}
