package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/waybillhq/waybill/postback"
)

// EndpointHealth is how an endpoint does, in all processes of the server.
type EndpointHealth struct {
	EndpointID     string                 `json:"endpoint_id"`
	State          postback.EndpointState `json:"state"`
	DisabledReason string                 `json:"disabled_reason,omitempty"`
	DisabledAt     Time                   `json:"disabled_at,omitzero"`
	Blocked        *Blocked               `json:"blocked,omitempty"`      // nil while something can be sent
	HeldUntil      Time                   `json:"held_until,omitzero"`    // it asked by Retry-After to be left alone
	Circuit        string                 `json:"circuit"`                // "closed" or "open": it is left alone, and probed
	FailingSince   Time                   `json:"failing_since,omitzero"` // zero while it does not fail
	Failures       int                    `json:"failures"`               // since then, roughly
	LastError      string                 `json:"last_error,omitempty"`
	OpenedAt       Time                   `json:"opened_at,omitzero"` // the circuit
	Probes         int                    `json:"probes"`             // since then
	NextProbeAt    Time                   `json:"next_probe_at,omitzero"`
	LastAttemptAt  Time                   `json:"last_attempt_at,omitzero"` // within a day
	LastSuccessAt  Time                   `json:"last_success_at,omitzero"` // within a day
	Traffic        Traffic                `json:"traffic"`
	Waiting        Waiting                `json:"waiting"`
}

// Blocked is why nothing can be sent to an endpoint, through no fault of its own.
type Blocked struct {
	Reason  string `json:"reason"`            // a code, such as "secret_sealed": the last error of what waits
	Message string `json:"message,omitempty"` // with what to do; a publisher's key does not see it
	Since   Time   `json:"since"`
	SeenAt  Time   `json:"seen_at"` // when a worker found it last
}

// Traffic is what came of attempts lately. SuccessRate, from 0 to 1, and the
// latencies, in milliseconds to within 5 %, are nil without attempts.
type Traffic struct {
	Window      string   `json:"window"`
	Since       Time     `json:"since"`
	Attempts    int      `json:"attempts"`
	Succeeded   int      `json:"succeeded"`
	SuccessRate *float64 `json:"success_rate"`
	Latency     struct {
		P50 *float64 `json:"p50"`
		P95 *float64 `json:"p95"`
		P99 *float64 `json:"p99"`
	} `json:"latency_ms"`
	Errors map[string]int `json:"errors"` // by code
}

// Waiting counts deliveries that have not ended. A number that reaches
// CountedUpTo means so many or more; so do Pending and Retrying together.
type Waiting struct {
	Pending     int                     `json:"pending"`
	Retrying    int                     `json:"retrying"`
	Parked      map[postback.Reason]int `json:"parked"` // by reason
	OldestAt    Time                    `json:"oldest_at,omitzero"`
	CountedUpTo int                     `json:"counted_up_to"`
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
