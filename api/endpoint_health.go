package api

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/waybillhq/waybill/postback"
)

type endpointHealthInput struct {
	IDInput
	Window string `query:"window" enum:"15m,1h,24h" default:"1h" doc:"How far back traffic counts"`
}

type endpointHealthOutput struct {
	Body EndpointHealthView
}

// EndpointHealthView is how an endpoint does, in all processes.
type EndpointHealthView struct {
	EndpointID     string                 `json:"endpoint_id"`
	State          postback.EndpointState `json:"state" enum:"enabled,paused,disabled"`
	DisabledReason string                 `json:"disabled_reason,omitempty"`
	DisabledAt     timestamp              `json:"disabled_at,omitzero"`
	Blocked        *blockedView           `json:"blocked,omitempty" doc:"Why nothing can be sent to it, through no fault of its own; absent while something can"`
	HeldUntil      timestamp              `json:"held_until,omitzero" doc:"It asked by Retry-After to be left alone until then; absent when it did not"`
	Circuit        string                 `json:"circuit" enum:"closed,open" doc:"open: it keeps failing, so its deliveries wait and one now and then is sent as a probe"`
	FailingSince   timestamp              `json:"failing_since,omitzero" doc:"Its first failure since its last success; absent while it does not fail"`
	Failures       int                    `json:"failures" doc:"Since then, roughly"`
	LastError      string                 `json:"last_error,omitempty" example:"timeout"`
	OpenedAt       timestamp              `json:"opened_at,omitzero" doc:"When the circuit opened"`
	Probes         int                    `json:"probes" doc:"Sent since then"`
	NextProbeAt    timestamp              `json:"next_probe_at,omitzero" doc:"If a delivery waits then, and the endpoint is enabled; not before held_until"`
	LastAttemptAt  timestamp              `json:"last_attempt_at,omitzero" doc:"If it was within a day"`
	LastSuccessAt  timestamp              `json:"last_success_at,omitzero" doc:"If it was within a day"`
	Traffic        trafficView            `json:"traffic"`
	Waiting        waitingView            `json:"waiting"`
}

// blockedView is why nothing can be sent to an endpoint.
type blockedView struct {
	Reason  string    `json:"reason" example:"secret_sealed" doc:"The last_error of what waits"`
	Message string    `json:"message,omitempty" doc:"With what to do; keys of a publisher do not see it"`
	Since   timestamp `json:"since"`
	SeenAt  timestamp `json:"seen_at" doc:"When a worker found it last; it goes when an attempt is made, or after three minutes"`
}

// trafficView is what came of attempts lately.
type trafficView struct {
	Window      string         `json:"window" example:"1h"`
	Since       timestamp      `json:"since" doc:"The window's begin, or up to five minutes before it"`
	Attempts    int            `json:"attempts" doc:"Examples left out; up to ten seconds late"`
	Succeeded   int            `json:"succeeded"`
	SuccessRate *float64       `json:"success_rate" doc:"Of the attempts, from 0 to 1; null without any"`
	Latency     latencyView    `json:"latency_ms"`
	Errors      map[string]int `json:"errors" doc:"The attempts that did not succeed by code; an answer that is not 200 is status_NNN"`
}

// latencyView is how long attempts took.
type latencyView struct {
	P50 *float64 `json:"p50" doc:"Half of the attempts took no longer, to within 5 %; null without any"`
	P95 *float64 `json:"p95"`
	P99 *float64 `json:"p99"`
}

// waitingView counts deliveries that have not ended.
type waitingView struct {
	Pending     int        `json:"pending"`
	Retrying    int        `json:"retrying"`
	Parked      parkedView `json:"parked"`
	OldestAt    timestamp  `json:"oldest_at,omitzero" doc:"When the oldest of them was made"`
	CountedUpTo int        `json:"counted_up_to" doc:"A number that reaches this, or pending and retrying together, means so many or more"`
}

// parkedView counts parked deliveries by reason.
type parkedView struct {
	Paused      int `json:"paused"`
	Disabled    int `json:"disabled"`
	CircuitOpen int `json:"circuit_open"`
	OverLimit   int `json:"over_limit"`
	Ordered     int `json:"ordered"`
}

// The states of a circuit.
const (
	circuitOpen   = "open"
	circuitClosed = "closed"
)

// windows are the windows that may be asked for, by their names.
func windows() map[string]time.Duration {
	return map[string]time.Duration{"15m": 15 * time.Minute, "1h": time.Hour, "24h": 24 * time.Hour}
}

func (s *server) getEndpointHealth(ctx context.Context, input *endpointHealthInput) (*endpointHealthOutput, error) {
	endpoint, err := s.ownEndpoint(ctx, input.ID)
	if err != nil {
		return nil, err
	}
	health, err := s.EndpointHealth.Health(ctx, endpoint, windows()[input.Window])
	if err != nil {
		return nil, fmt.Errorf("get endpoint health: %w", err)
	}
	view := healthOf(endpoint, health, input.Window)
	if view.Blocked != nil && ownPublisher(ctx) != "" {
		view.Blocked.Message = "" // it names what is ours
	}
	return &endpointHealthOutput{Body: view}, nil
}

func healthOf(endpoint postback.Endpoint, health postback.Health, window string) EndpointHealthView {
	trouble, traffic := health.Trouble, health.Traffic
	view := EndpointHealthView{
		EndpointID: endpoint.ID, State: endpoint.State, DisabledReason: endpoint.DisabledReason, DisabledAt: stamp(endpoint.DisabledAt),
		Blocked: blockedOf(health.Block), HeldUntil: stamp(health.HeldUntil), Circuit: circuitClosed,
		FailingSince: stamp(trouble.Since), Failures: trouble.Failures, LastError: trouble.LastError,
		LastAttemptAt: stamp(traffic.LastAttemptAt), LastSuccessAt: stamp(traffic.LastSuccessAt),
		Traffic: trafficOf(traffic, window), Waiting: waitingOf(health.Waiting, health.WaitingLimit),
	}
	if trouble.Open() {
		view.Circuit, view.OpenedAt, view.Probes, view.NextProbeAt = circuitOpen, stamp(trouble.OpenedAt), trouble.Probes, stamp(nextProbe(health))
	}
	return view
}

// nextProbe is when a probe may be sent: not while the endpoint is left alone.
func nextProbe(health postback.Health) time.Time {
	if health.HeldUntil.After(health.Trouble.ProbeAt) {
		return health.HeldUntil
	}
	return health.Trouble.ProbeAt
}

func blockedOf(block postback.Block) *blockedView {
	if block.Cause == "" {
		return nil
	}
	return &blockedView{Reason: block.Cause, Message: block.Message, Since: stamp(block.Since), SeenAt: stamp(block.At)}
}

func trafficOf(traffic postback.Traffic, window string) trafficView {
	view := trafficView{
		Window: window, Since: stamp(traffic.Since), Attempts: traffic.Attempts, Succeeded: traffic.Succeeded, Errors: traffic.Errors,
	}
	if traffic.Attempts > 0 {
		view.SuccessRate = rounded(float64(traffic.Succeeded)/float64(traffic.Attempts), 1e4)
		view.Latency = latencyView{P50: millis(traffic.Latency.P50), P95: millis(traffic.Latency.P95), P99: millis(traffic.Latency.P99)}
	}
	return view
}

// millis is a time in milliseconds, to the hundredth.
func millis(d time.Duration) *float64 { return rounded(float64(d)/float64(time.Millisecond), 100) }

// rounded rounds to parts of one.
func rounded(value, parts float64) *float64 {
	value = math.Round(value*parts) / parts
	return &value
}

func waitingOf(waiting postback.Waiting, limit int) waitingView {
	return waitingView{
		Pending: waiting.Pending, Retrying: waiting.Retrying, OldestAt: stamp(waiting.Oldest), CountedUpTo: limit,
		Parked: parkedView{
			Paused:      waiting.Parked[postback.ReasonPaused],
			Disabled:    waiting.Parked[postback.ReasonDisabled],
			CircuitOpen: waiting.Parked[postback.ReasonCircuitOpen],
			OverLimit:   waiting.Parked[postback.ReasonOverLimit],
			Ordered:     waiting.Parked[postback.ReasonOrdered],
		},
	}
}
