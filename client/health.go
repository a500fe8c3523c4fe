package client

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/waybillhq/waybill/postback"
)

// EndpointHealth is how an endpoint does, in all processes of the server.
type EndpointHealth struct {
	EndpointID     string                 `json:"endpoint_id"`
	State          postback.EndpointState `json:"state" enum:"enabled,paused,disabled"`
	DisabledReason string                 `json:"disabled_reason,omitempty"`
	DisabledAt     Time                   `json:"disabled_at,omitzero"`
	Blocked        *Blocked               `json:"blocked,omitempty" doc:"Why nothing can be sent to it, through no fault of its own; absent while something can"`
	HeldUntil      Time                   `json:"held_until,omitzero" doc:"It asked by Retry-After to be left alone until then; absent when it did not"`
	Circuit        string                 `json:"circuit" enum:"closed,open" doc:"open: it keeps failing, so its deliveries wait and one now and then is sent as a probe"`
	FailingSince   Time                   `json:"failing_since,omitzero" doc:"Its first failure since its last success; absent while it does not fail"`
	Failures       int                    `json:"failures" doc:"Since then, roughly"`
	LastError      string                 `json:"last_error,omitempty" example:"timeout"`
	OpenedAt       Time                   `json:"opened_at,omitzero" doc:"When the circuit opened"`
	Probes         int                    `json:"probes" doc:"Sent since then"`
	NextProbeAt    Time                   `json:"next_probe_at,omitzero" doc:"If a delivery waits then, and the endpoint is enabled; not before held_until"`
	LastAttemptAt  Time                   `json:"last_attempt_at,omitzero" doc:"If it was within a day"`
	LastSuccessAt  Time                   `json:"last_success_at,omitzero" doc:"If it was within a day"`
	Traffic        Traffic                `json:"traffic"`
	Waiting        Waiting                `json:"waiting"`
}

// Blocked is why nothing can be sent to an endpoint.
type Blocked struct {
	Reason  string `json:"reason" example:"secret_sealed" doc:"The last_error of what waits"`
	Message string `json:"message,omitempty" doc:"With what to do; keys of a publisher do not see it"`
	Since   Time   `json:"since"`
	SeenAt  Time   `json:"seen_at" doc:"When a worker found it last; it goes when an attempt is made, or after three minutes"`
}

// Traffic is what came of attempts lately.
type Traffic struct {
	Window      string         `json:"window" example:"1h"`
	Since       Time           `json:"since" doc:"The window's begin, or up to five minutes before it"`
	Attempts    int            `json:"attempts" doc:"Examples left out; up to ten seconds late"`
	Succeeded   int            `json:"succeeded"`
	SuccessRate *float64       `json:"success_rate" doc:"Of the attempts, from 0 to 1; null without any"`
	Latency     Latency        `json:"latency_ms"`
	Errors      map[string]int `json:"errors" doc:"The attempts that did not succeed by code; an answer whose status is no success is status_NNN"`
}

// Latency is how long attempts took, in milliseconds.
type Latency struct {
	P50 *float64 `json:"p50" doc:"Half of the attempts took no longer, to within 5 %; null without any"`
	P95 *float64 `json:"p95"`
	P99 *float64 `json:"p99"`
}

// Waiting counts deliveries that have not ended.
type Waiting struct {
	Pending     int    `json:"pending"`
	Retrying    int    `json:"retrying"`
	Parked      Parked `json:"parked"`
	OldestAt    Time   `json:"oldest_at,omitzero" doc:"When the oldest of them was made"`
	CountedUpTo int    `json:"counted_up_to" doc:"A number that reaches this, or pending and retrying together, means so many or more"`
}

// Parked counts parked deliveries by reason.
type Parked map[postback.Reason]int

// MarshalJSON writes all reasons, in the domain's order; those that only a newer
// server knows come last.
func (p Parked) MarshalJSON() ([]byte, error) {
	reasons := postback.ParkedReasons()
	for _, reason := range slices.Sorted(maps.Keys(p)) {
		if !slices.Contains(reasons, reason) {
			reasons = append(reasons, reason)
		}
	}
	out := []byte("{")
	for _, reason := range reasons {
		out = fmt.Appendf(out, "%q:%d,", reason, p[reason])
	}
	out[len(out)-1] = '}'
	return out, nil
}

// EndpointHealth tells how an endpoint does, with its traffic in a window: "15m",
// "1h" or "24h"; empty leaves it to the server (1h).
func (c *Client) EndpointHealth(ctx context.Context, id, window string) (EndpointHealth, error) {
	query := url.Values{}
	put(query, "window", window)
	var answer EndpointHealth
	err := c.do(ctx, call{method: http.MethodGet, path: endpointPath(id, "/health"), query: query}, &answer)
	return answer, err
}
