package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/waybillhq/waybill/postback"
)

// endpointBody is what a new endpoint is made from.
type endpointBody struct {
	Publisher   string            `json:"publisher,omitempty" maxLength:"200" doc:"Required, but of a publisher's key, which makes its own; @operator: for what Waybill tells its operator"`
	URL         string            `json:"url" maxLength:"2048" doc:"For some schemes a template with macros"`
	Scheme      string            `json:"scheme" example:"besitos"`
	Method      string            `json:"method,omitempty" minLength:"1" doc:"Left out: the scheme's own"`
	EventTypes  []string          `json:"event_types,omitempty" maxItems:"100" nullable:"false" doc:"Patterns such as conversion.*; none means every type"`
	Secret      string            `json:"secret,omitempty" minLength:"1" maxLength:"1024" writeOnly:"true" doc:"Left out: one is made in the network's form"`
	Retry       *retryBody        `json:"retry,omitempty" doc:"Left out: the scheme's own"`
	Timeout     *string           `json:"timeout,omitempty" example:"15s" doc:"Of a whole attempt, at most 60s; left out: 15s"`
	Headers     map[string]string `json:"headers,omitempty" doc:"Sent beside the scheme's own"`
	Expect      *expectBody       `json:"expect,omitempty" doc:"Of the body of a 200; left out: anything"`
	MaxInFlight int               `json:"max_in_flight,omitempty" minimum:"0" maximum:"1024" doc:"Attempts at once in each process; 0: the server's default"`
	RateLimit   *rateLimit        `json:"rate_limit,omitempty" doc:"Over all processes; left out: none"`
	OrderBy     string            `json:"order_by,omitempty" maxLength:"200" example:"tx" doc:"A field of the events' data: deliveries with the same value go one after another. Left out: all at once"`
	AllowEmpty  []string          `json:"allow_empty,omitempty" maxItems:"100" nullable:"false" example:"[\"REF\"]" doc:"Macros of the URL that may be sent without a value, by their names; * means all. An event that leaves another one without a value is not sent there"`
	Description string            `json:"description,omitempty" maxLength:"1000"`
}

// retryBody is a retry policy: a schedule, or a curve. Durations are strings.
// Pointers tell what is given as zero from what is not given.
type retryBody struct {
	Schedule    []string `json:"schedule,omitzero" maxItems:"100" nullable:"false" doc:"The delays between attempts: n of them allow n+1 attempts, [] allows one"`
	Initial     *string  `json:"initial,omitempty" example:"1s" doc:"More than 0; left out of a curve: 20s"`
	Multiplier  *float64 `json:"multiplier,omitempty" doc:"At least 1; left out of a curve: 3"`
	MaxInterval *string  `json:"max_interval,omitempty" example:"1h" doc:"More than 0; left out of a curve: 18h"`
	MaxAttempts *int     `json:"max_attempts,omitempty" doc:"At least 1. A curve has this or max_age"`
	MaxAge      *string  `json:"max_age,omitempty" example:"72h" doc:"More than 0; left out: no bound by age"`
	Jitter      *float64 `json:"jitter,omitempty" doc:"A fraction, 0 to 1; left out of a curve: 0"`
	On          []string `json:"on,omitempty" nullable:"false" doc:"Failures that are tried again: timeout, connection, tls, dns, 1xx, 2xx, 3xx, 4xx, 5xx, unexpected_body, or a status such as 503; none means every failure"`
	StopOn      []int    `json:"stop_on,omitempty" nullable:"false" doc:"Statuses that end a delivery at once, such as 403"`
}

func (b endpointBody) spec(ctx context.Context) (postback.EndpointSpec, error) {
	none := postback.EndpointSpec{}
	publisher, err := scope(ctx, "publisher", b.Publisher)
	if err != nil {
		return none, err
	}
	if publisher, err = postback.RequireName("publisher", &publisher); err != nil {
		return none, fmt.Errorf("check publisher: %w", err)
	}
	spec := postback.EndpointSpec{
		Publisher: publisher, URL: b.URL, Scheme: b.Scheme, Method: b.Method, EventTypes: b.EventTypes,
		Secret: postback.NewSecret(b.Secret), Headers: b.Headers,
		MaxInFlight: b.MaxInFlight, OrderBy: b.OrderBy, AllowEmpty: b.AllowEmpty, Description: b.Description,
	}
	if spec.RateLimit, err = b.RateLimit.read(); err != nil {
		return none, err
	}
	if b.Timeout != nil {
		if spec.Timeout, err = readTimeout(*b.Timeout); err != nil {
			return none, err
		}
	}
	if b.Retry != nil {
		policy, err := b.Retry.policy()
		if err != nil {
			return none, err
		}
		spec.Retry = &policy
	}
	if b.Expect != nil {
		spec.Expect = b.Expect.expect()
	}
	if err := checkHeaders(b.Headers); err != nil {
		return none, err
	}
	return spec, postback.CheckText("description", b.Description) //nolint:wrapcheck // it names the field
}

// policy reads the policy, and refuses what would be lost in reading; what it
// must be as a whole is not checked here.
func (b retryBody) policy() (postback.RetryPolicy, error) {
	policy := postback.RetryPolicy{On: b.On, StopOn: b.StopOn}
	take(&policy.Multiplier, b.Multiplier)
	take(&policy.MaxAttempts, b.MaxAttempts)
	take(&policy.Jitter, b.Jitter)
	if b.Schedule != nil {
		policy.Schedule = []postback.Duration{}
	}
	for i, delay := range b.Schedule {
		read, err := readDuration(fmt.Sprintf("retry.schedule[%d]", i), delay)
		if err != nil {
			return policy, err
		}
		policy.Schedule = append(policy.Schedule, postback.Duration(read))
	}
	for _, one := range []struct {
		field string
		text  *string
		into  *postback.Duration
	}{
		{"retry.initial", b.Initial, &policy.Initial},
		{"retry.max_interval", b.MaxInterval, &policy.MaxInterval},
		{"retry.max_age", b.MaxAge, &policy.MaxAge},
	} {
		if one.text == nil {
			continue
		}
		read, err := readDuration(one.field, *one.text)
		if err != nil {
			return policy, err
		}
		*one.into = postback.Duration(read)
	}
	return policy, policy.CheckGiven(b.given) //nolint:wrapcheck // it names the field
}

// given reports whether a member of a curve was written.
func (b retryBody) given(member string) bool {
	return map[string]bool{
		"initial": b.Initial != nil, "multiplier": b.Multiplier != nil, "max_interval": b.MaxInterval != nil,
		"max_attempts": b.MaxAttempts != nil, "max_age": b.MaxAge != nil, "jitter": b.Jitter != nil,
	}[member]
}

func take[T any](into, given *T) {
	if given != nil {
		*into = *given
	}
}

func readDuration(field, text string) (time.Duration, error) {
	read, err := postback.ParseAge(text)
	if err != nil {
		return 0, postback.Invalid(field, postback.CodeInvalidDuration, postback.UseAge)
	}
	return read, nil
}

func readTimeout(text string) (time.Duration, error) {
	timeout, err := readDuration("timeout", text)
	if err != nil {
		return 0, err
	}
	if timeout <= 0 || timeout > postback.MaxTimeout {
		return 0, postback.Invalid("timeout", postback.CodeInvalidDuration, "must be more than 0 and at most %s", postback.MaxTimeout)
	}
	return timeout, nil
}

// checkHeaders refuses a mask that was read and is written back: it would
// replace the credential.
func checkHeaders(headers map[string]string) error {
	for name, value := range headers {
		if value == maskedValue {
			return postback.Invalid("headers."+name, postback.CodeInvalid, "is the mask that stands for a value; write the value itself")
		}
	}
	return nil
}

// change is a field of a patch that null clears: absent, null or a value.
type change[T any] struct {
	given bool
	null  bool
	value T
}

// UnmarshalJSON notes that the field is there.
func (c *change[T]) UnmarshalJSON(text []byte) error {
	c.given = true
	if c.null = bytes.Equal(text, []byte("null")); c.null {
		return nil
	}
	return json.Unmarshal(text, &c.value) //nolint:wrapcheck // encoding/json adds where it was.
}

// Schema is the value's own.
func (change[T]) Schema(registry huma.Registry) *huma.Schema {
	return registry.Schema(reflect.TypeFor[T](), true, "")
}

func (change[T]) clearedByNull() {}

// orZero is the new value, if there is one; null empties the field.
func (c change[T]) orZero() *T {
	if !c.given {
		return nil
	}
	return &c.value
}

// endpointPatch is what is to change.
type endpointPatch struct {
	URL         *string                   `json:"url,omitempty" maxLength:"2048"`
	Method      *string                   `json:"method,omitempty" minLength:"1"`
	EventTypes  change[[]string]          `json:"event_types,omitzero" doc:"null: every type"`
	Retry       change[retryBody]         `json:"retry,omitzero" doc:"The whole policy: what it leaves out is as in a new endpoint's, not as before; null: the scheme's own"`
	Timeout     *string                   `json:"timeout,omitempty"`
	Headers     change[map[string]string] `json:"headers,omitzero" nullable:"true" doc:"All of them; null: none"`
	Expect      change[expectBody]        `json:"expect,omitzero" doc:"The whole expectation; null: none"`
	MaxInFlight change[int]               `json:"max_in_flight,omitzero" nullable:"true" minimum:"0" maximum:"1024" doc:"null, 0: the server's default"`
	RateLimit   change[rateLimit]         `json:"rate_limit,omitzero" doc:"The whole limit; null: none"`
	OrderBy     change[string]            `json:"order_by,omitzero" nullable:"true" maxLength:"200" doc:"null: none"`
	AllowEmpty  change[[]string]          `json:"allow_empty,omitzero" doc:"All of them; null: no macro"`
	Description change[string]            `json:"description,omitzero" nullable:"true" maxLength:"1000" doc:"null: none"`
}

func (b endpointPatch) patch() (postback.EndpointPatch, error) {
	patch := postback.EndpointPatch{
		URL: b.URL, Method: b.Method,
		EventTypes: b.EventTypes.orZero(), Headers: b.Headers.orZero(), MaxInFlight: b.MaxInFlight.orZero(), OrderBy: b.OrderBy.orZero(), AllowEmpty: b.AllowEmpty.orZero(), Description: b.Description.orZero(),
	}
	if b.Expect.given {
		var expected *postback.Expect
		if !b.Expect.null {
			expected = b.Expect.value.expect()
		}
		patch.Expect = &expected
	}
	if b.RateLimit.given {
		var limit *postback.RateLimit
		if !b.RateLimit.null {
			var err error
			if limit, err = b.RateLimit.value.read(); err != nil {
				return patch, err
			}
		}
		patch.RateLimit = &limit
	}
	if err := b.patchTimes(&patch); err != nil {
		return patch, err
	}
	if err := checkHeaders(b.Headers.value); err != nil {
		return patch, err
	}
	return patch, postback.CheckText("description", b.Description.value) //nolint:wrapcheck // it names the field
}

func (b endpointPatch) patchTimes(patch *postback.EndpointPatch) error {
	if b.Retry.given {
		var policy postback.RetryPolicy
		if !b.Retry.null {
			var err error
			if policy, err = b.Retry.value.policy(); err != nil {
				return err
			}
		}
		patch.Retry = &policy
	}
	if b.Timeout != nil {
		read, err := readTimeout(*b.Timeout)
		if err != nil {
			return err
		}
		patch.Timeout = &read
	}
	return nil
}
