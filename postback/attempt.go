package postback

import "time"

// Trigger says why an attempt was made.
type Trigger string

// The triggers.
const (
	TriggerEvent   Trigger = "event"
	TriggerRetry   Trigger = "retry"
	TriggerReplay  Trigger = "replay"
	TriggerExample Trigger = "example"
	TriggerProbe   Trigger = "probe" // has the endpoint recovered?
)

// Outcome is what an attempt came to.
type Outcome string

// The outcomes.
const (
	OutcomeSucceeded Outcome = "succeeded" // the answer counts as success
	OutcomeFailed    Outcome = "failed"    // no answer, or another one
	OutcomeRefused   Outcome = "refused"   // nothing was sent, and never will be
)

// Attempt is one HTTP request to an endpoint and what came back.
type Attempt struct {
	DeliveryID string
	Generation int
	Number     int // counts from 1 over all generations
	Trigger    Trigger
	StartedAt  time.Time
	Duration   time.Duration
	Outcome    Outcome
	StatusCode int           // 0 when there was no answer
	Error      *AttemptError // nil on success
	Request    SentRequest
	Response   *Response // nil when there was no answer
	SourceIP   string    // empty when nothing was sent
	TraceID    string    // 32 hexadecimal digits, or empty
	// SecretVersion is the version of the secret that signed.
	SecretVersion int
	// Notes say what an operator may want to know, such as a macro that had no
	// value.
	Notes []string
}

// AttemptError says why an attempt failed.
type AttemptError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// SentRequest is the request as it was sent, and what was signed.
type SentRequest struct {
	Method       string            `json:"method"`
	URL          string            `json:"url"`
	Headers      map[string]string `json:"headers"`
	Body         []byte            `json:"body,omitempty"`
	StringToSign string            `json:"string_to_sign"` // a secret in it is masked
}

// Response is what the endpoint answered; Body is cut to what is stored.
type Response struct {
	Headers   map[string]string `json:"headers"`
	Body      []byte            `json:"body,omitempty"`
	Truncated bool              `json:"truncated"`
}
