package worker

import (
	"context"
	"log/slog"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// Traffic counts attempts.
type Traffic interface {
	Observe(endpointID string, attempt postback.Attempt)
}

// Outcomes hears what came of attempts, and opens and closes circuits by it.
type Outcomes interface {
	Succeeded(ctx context.Context, endpointID string, probe bool, at time.Time)
	Failed(ctx context.Context, endpointID, code string, at time.Time)
}

// Sweeper queues what is due, and releases what is parked.
type Sweeper interface {
	// Wake has it done at once, and not some time later.
	Wake()
	// Parked notifies it of a delivery that was parked, to be released some time.
	Parked()
}

// ObserveOptions are the parts that observe.
type ObserveOptions struct {
	Traffic  Traffic
	Circuits Outcomes
	Sweeper  Sweeper
	Uses     SecretUses
}

func (o ObserveOptions) complete() bool {
	return o.Traffic != nil && o.Circuits != nil && o.Sweeper != nil && o.Uses != nil
}

// observeStage has log, metrics, counts, circuits and the sweeper follow what
// happened.
type observeStage struct {
	traffic  Traffic
	circuits Outcomes
	sweeper  Sweeper
	uses     *secretUses
	metrics  metrics
	now      func() time.Time
	logger   *slog.Logger
}

// attempted logs and counts an attempt, whether it can be recorded or not.
func (s *observeStage) attempted(ctx context.Context, d *delivery) {
	s.metrics.attempted(ctx, d.endpoint.Scheme, d.attempt)
	s.log(ctx, d)
	s.uses.add(d.endpoint.ID, d.attempt.SecretVersion, d.attempt.StartedAt)
}

// maxAttrs is how many keys the log line of an attempt has at most.
const maxAttrs = 14

// log writes the attempt's one log line.
func (s *observeStage) log(ctx context.Context, d *delivery) {
	attempt := &d.attempt
	attrs := append(make([]slog.Attr, 0, maxAttrs),
		slog.String("delivery", attempt.DeliveryID),
		slog.String("event", d.Event.ID),
		slog.String("endpoint", d.endpoint.ID),
		slog.String("publisher", d.endpoint.Publisher),
		slog.Int("attempt", attempt.Number),
		slog.String("trigger", string(attempt.Trigger)),
		slog.String("outcome", string(attempt.Outcome)),
		slog.String("state", string(d.move.To)),
		slog.Float64("duration_ms", float64(attempt.Duration.Microseconds())/1000),
	)
	if attempt.StatusCode != 0 {
		attrs = append(attrs, slog.Int("status", attempt.StatusCode))
	}
	for _, optional := range []struct{ key, value string }{
		{"host", postback.HostOf(attempt.Request.URL)}, {"error", errorCode(d.attempt)}, {"reason", string(d.move.Reason)}, {"trace_id", attempt.TraceID},
	} {
		if optional.value != "" {
			attrs = append(attrs, slog.String(optional.key, optional.value))
		}
	}
	s.logger.LogAttrs(ctx, slog.LevelInfo, "attempt", attrs...)
}

// recorded follows what the ledger has now. An example says nothing of its
// endpoint, and an address that is never sent to nothing of its circuit.
func (s *observeStage) recorded(ctx context.Context, d *delivery) {
	s.notify(d)
	if d.move.Attempt == nil || d.Delivery.Test {
		return
	}
	s.traffic.Observe(d.Delivery.EndpointID, d.attempt)
	switch d.attempt.Outcome {
	case postback.OutcomeSucceeded:
		s.circuits.Succeeded(ctx, d.Delivery.EndpointID, d.Delivery.Probe, s.now())
	case postback.OutcomeFailed:
		s.circuits.Failed(ctx, d.Delivery.EndpointID, d.attempt.Error.Code, s.now())
	case postback.OutcomeRefused:
	}
}

// notify has the sweeper look at once at what it can queue or release now.
func (s *observeStage) notify(d *delivery) {
	switch {
	case d.move.To == postback.Parked:
		s.sweeper.Parked()
	case d.Delivery.OrderKey != "" && d.move.To.Ended():
		s.sweeper.Wake() // the next of its ordering group is due
	}
}

// errorCode is the code of a failed attempt; "" for one that succeeded.
func errorCode(attempt postback.Attempt) string {
	if attempt.Error == nil {
		return ""
	}
	return attempt.Error.Code
}
