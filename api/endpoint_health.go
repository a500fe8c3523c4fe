package api

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

type endpointHealthInput struct {
	IDInput
	Window string `query:"window" enum:"15m,1h,24h" default:"1h" doc:"How far back traffic counts"`
}

type endpointHealthOutput struct {
	Body client.EndpointHealth
}

// parkedView describes a client.Parked.
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

func healthOf(endpoint postback.Endpoint, health postback.Health, window string) client.EndpointHealth {
	streak, traffic := health.FailureStreak, health.Traffic
	view := client.EndpointHealth{
		EndpointID: endpoint.ID, State: endpoint.State, DisabledReason: endpoint.DisabledReason, DisabledAt: stamp(endpoint.DisabledAt),
		Blocked: blockedOf(health.Block), HeldUntil: stamp(health.HeldUntil), Circuit: circuitClosed,
		FailingSince: stamp(streak.Since), Failures: streak.Failures, LastError: streak.LastError,
		LastAttemptAt: stamp(traffic.LastAttemptAt), LastSuccessAt: stamp(traffic.LastSuccessAt),
		Traffic: trafficOf(traffic, window), Waiting: waitingOf(health.Waiting, health.WaitingLimit),
	}
	if streak.Open() {
		view.Circuit, view.OpenedAt, view.Probes, view.NextProbeAt = circuitOpen, stamp(streak.OpenedAt), streak.Probes, stamp(nextProbe(health))
	}
	return view
}

// nextProbe is when a probe may be sent: not while the endpoint is left alone.
func nextProbe(health postback.Health) time.Time {
	if health.HeldUntil.After(health.FailureStreak.ProbeAt) {
		return health.HeldUntil
	}
	return health.FailureStreak.ProbeAt
}

func blockedOf(block postback.Block) *client.Blocked {
	if block.Cause == "" {
		return nil
	}
	return &client.Blocked{Reason: block.Cause, Message: block.Message, Since: stamp(block.Since), SeenAt: stamp(block.At)}
}

func trafficOf(traffic postback.Traffic, window string) client.Traffic {
	view := client.Traffic{
		Window: window, Since: stamp(traffic.Since), Attempts: traffic.Attempts, Succeeded: traffic.Succeeded, Errors: traffic.Errors,
	}
	if traffic.Attempts > 0 {
		view.SuccessRate = rounded(float64(traffic.Succeeded)/float64(traffic.Attempts), 1e4)
		view.Latency = client.Latency{P50: millis(traffic.Latency.P50), P95: millis(traffic.Latency.P95), P99: millis(traffic.Latency.P99)}
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

func waitingOf(waiting postback.Waiting, limit int) client.Waiting {
	return client.Waiting{
		Pending: waiting.Pending, Retrying: waiting.Retrying, Parked: waiting.Parked, OldestAt: stamp(waiting.Oldest), CountedUpTo: limit,
	}
}
