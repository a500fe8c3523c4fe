package worker

import (
	"context"
	"log/slog"
	"time"

	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/internal/expect"
	"github.com/waybillhq/waybill/postback"
)

// SetEgressPatience sets how long a task waits for an egress path that is down.
func (w *Worker) SetEgressPatience(patience time.Duration) { w.egress.patience = patience }

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
	expected := newExpectations()
	return func(endpoint postback.Endpoint, result egress.Result) bool {
		check, err := expected.of(endpoint)
		return err == nil && classify(endpoint, check, result).next == done
	}
}

// Slots lets tests count attempts in flight.
type Slots struct{ *slots }

// NewSlots makes one with nothing in flight.
func NewSlots(patience time.Duration) *Slots { return &Slots{newSlots(patience)} }

// Take takes a slot.
func (s *Slots) Take(ctx context.Context, key string, limit int) bool { return s.take(ctx, key, limit) }

// Give gives it back.
func (s *Slots) Give(key string) { s.give(key) }

// Known counts the keys that are remembered.
func (s *Slots) Known() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byKey)
}

// Bounded is what is kept of an answer's headers.
func Bounded(headers map[string]string) (map[string]string, string) { return bounded(headers) }

// SecretUseSaver saves when secrets were last used.
type SecretUseSaver struct{ *secretUses }

// NewSecretUseSaver makes one that has nothing to save.
func NewSecretUseSaver(ledger SecretUses, logger *slog.Logger) SecretUseSaver {
	return SecretUseSaver{newSecretUses(ledger, logger)}
}

// Run saves until ctx ends.
func (s SecretUseSaver) Run(ctx context.Context) { s.run(ctx) }

// Add remembers that a secret signed an attempt.
func (s SecretUseSaver) Add(endpointID string, version int, at time.Time) {
	s.add(endpointID, version, at)
}
