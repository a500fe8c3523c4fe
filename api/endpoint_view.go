package api

import (
	"maps"
	"time"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// maskedValue stands for a header's value that looks like a credential.
const maskedValue = postback.MaskedHeader

// EndpointView is an endpoint as the API shows it: never its secret.
type EndpointView struct {
	ID              string                 `json:"id"`
	Publisher       string                 `json:"publisher"`
	URL             string                 `json:"url"`
	Scheme          string                 `json:"scheme"`
	Method          string                 `json:"method"`
	EventTypes      []string               `json:"event_types" nullable:"false" doc:"Patterns; none means every type"`
	Retry           retryBody              `json:"retry"`
	Timeout         string                 `json:"timeout" example:"15s"`
	Headers         map[string]string      `json:"headers,omitempty" doc:"Values that look like credentials are masked"`
	Expect          *expectBody            `json:"expect,omitempty" doc:"Of the body of a 200"`
	MaxInFlight     int                    `json:"max_in_flight,omitempty" doc:"Left out: the server's default"`
	RateLimit       *postback.RateLimit    `json:"rate_limit,omitempty"`
	OrderBy         string                 `json:"order_by,omitempty"`
	AllowEmpty      []string               `json:"allow_empty,omitempty" nullable:"false" doc:"Macros of the URL that may be sent without a value; * means all"`
	Description     string                 `json:"description,omitempty"`
	State           postback.EndpointState `json:"state" enum:"enabled,paused,disabled,deleted"`
	Circuit         string                 `json:"circuit,omitempty" enum:"open" doc:"open: it keeps failing and is left alone, but for probes. Shown where endpoints are listed or got; absent while it is closed"`
	DisabledReason  string                 `json:"disabled_reason,omitempty" example:"gone" doc:"gone: it answered 410; failing: it did nothing but fail for too long"`
	DisabledAt      client.Time            `json:"disabled_at,omitzero"`
	SecretVersion   int                    `json:"secret_version"`
	SecretCreatedAt client.Time            `json:"secret_created_at,omitzero"`
	Secrets         []secretView           `json:"secrets,omitempty" nullable:"false" doc:"The secrets' times, the newest first; never their values"`
	CreatedAt       client.Time            `json:"created_at"`
	UpdatedAt       client.Time            `json:"updated_at"`
}

// secretView says when a secret signs.
type secretView struct {
	Version    int         `json:"version"`
	CreatedAt  client.Time `json:"created_at"`
	ActiveFrom client.Time `json:"active_from"`
	RetiresAt  client.Time `json:"retires_at,omitzero" doc:"When it stops signing"`
	LastUsedAt client.Time `json:"last_used_at,omitzero" doc:"When it last signed, to within some seconds"`
}

func secretsOf(secrets []postback.SealedSecret) []secretView {
	views := make([]secretView, 0, len(secrets))
	for _, secret := range secrets {
		from := secret.ActiveFrom
		if from.IsZero() {
			from = secret.CreatedAt
		}
		views = append(views, secretView{
			Version: secret.Version, CreatedAt: stamp(secret.CreatedAt), ActiveFrom: stamp(from),
			RetiresAt: stamp(secret.RetiredAt), LastUsedAt: stamp(secret.LastUsedAt),
		})
	}
	return views
}

// changedEndpoint is an endpoint that was made or changed.
type changedEndpoint struct {
	EndpointView
	Secret   string             `json:"secret,omitempty" doc:"After creation and rotation alone"`
	Warnings []postback.Warning `json:"warnings,omitempty" nullable:"false" doc:"What will trip common receivers"`
}

func endpointOf(e postback.Endpoint, now time.Time) EndpointView {
	view := EndpointView{
		ID: e.ID, Publisher: e.Publisher, URL: e.URL, Scheme: e.Scheme, Method: e.Method,
		EventTypes: append([]string{}, e.EventTypes...), Retry: retryOf(e.Retry), Timeout: e.Timeout.String(),
		Headers: maskHeaders(e.Headers), Expect: expectOf(e.Expect),
		MaxInFlight: e.MaxInFlight, RateLimit: e.RateLimit, OrderBy: e.OrderBy, AllowEmpty: e.AllowEmpty, Description: e.Description,
		State: e.State, DisabledReason: e.DisabledReason, DisabledAt: stamp(e.DisabledAt), Secrets: secretsOf(e.Secrets),
		CreatedAt: stamp(e.CreatedAt), UpdatedAt: stamp(e.UpdatedAt),
	}
	if signing := e.SecretsAt(now); len(signing) > 0 {
		view.SecretVersion, view.SecretCreatedAt = signing[0].Version, stamp(signing[0].CreatedAt)
	}
	return view
}

func retryOf(p postback.RetryPolicy) retryBody {
	spell := func(d postback.Duration) *string {
		if d == 0 {
			return nil
		}
		return new(time.Duration(d).String())
	}
	view := retryBody{
		Initial: spell(p.Initial), Multiplier: unlessZero(p.Multiplier), MaxInterval: spell(p.MaxInterval),
		MaxAttempts: unlessZero(p.MaxAttempts), MaxAge: spell(p.MaxAge), Jitter: unlessZero(p.Jitter),
		On: p.On, StopOn: p.StopOn,
	}
	if p.Schedule != nil {
		view.Schedule = []string{}
	}
	for _, delay := range p.Schedule {
		view.Schedule = append(view.Schedule, time.Duration(delay).String())
	}
	return view
}

func unlessZero[T comparable](value T) *T {
	if value == *new(T) {
		return nil
	}
	return &value
}

// maskHeaders hides the values of headers that look like credentials.
func maskHeaders(headers map[string]string) map[string]string {
	shown := maps.Clone(headers)
	for name := range shown {
		if postback.HoldsCredential(name) {
			shown[name] = maskedValue
		}
	}
	return shown
}
