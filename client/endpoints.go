package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"

	"github.com/waybillhq/waybill/postback"
)

// EndpointSpec is what a new endpoint is made from. Publisher, Scheme and URL are
// required (a publisher's key may leave Publisher out).
type EndpointSpec struct {
	Publisher string `json:"publisher,omitempty"`
	Scheme    string `json:"scheme"`
	Secret    string `json:"secret,omitempty"` // empty: generated
	postback.EndpointSettings
}

// Endpoint is where and how a publisher wants its events. Values of headers
// that look like credentials are masked.
type Endpoint struct {
	ID        string `json:"id"`
	Publisher string `json:"publisher"`
	Scheme    string `json:"scheme"`
	postback.EndpointSettings
	State           postback.EndpointState `json:"state" enum:"enabled,paused,disabled,deleted"`
	Circuit         string                 `json:"circuit,omitempty" enum:"open" doc:"open: it keeps failing and is left alone, but for probes. Shown where endpoints are listed or got; absent while it is closed"`
	DisabledReason  string                 `json:"disabled_reason,omitempty" example:"gone" doc:"gone: it answered 410; failing: every attempt failed for too long"`
	DisabledAt      Time                   `json:"disabled_at,omitzero"`
	SecretVersion   int                    `json:"secret_version"` // that signs now
	SecretCreatedAt Time                   `json:"secret_created_at,omitzero"`
	Secrets         []SecretTimes          `json:"secrets,omitempty" nullable:"false" doc:"The secrets' times, the newest first; never their values"`
	CreatedAt       Time                   `json:"created_at"`
	UpdatedAt       Time                   `json:"updated_at"`
}

// SecretTimes say when one of an endpoint's secrets signs.
type SecretTimes struct {
	Version    int  `json:"version"`
	CreatedAt  Time `json:"created_at"`
	ActiveFrom Time `json:"active_from"`
	RetiresAt  Time `json:"retires_at,omitzero" doc:"When it stops signing"`
	LastUsedAt Time `json:"last_used_at,omitzero" doc:"When it last signed, to within some seconds"`
}

// Rotation asks for another secret.
type Rotation struct {
	Secret  string            `json:"secret,omitempty"`  // empty: generated
	At      Time              `json:"at,omitzero"`       // from when it signs; zero: at once
	Overlap postback.Duration `json:"overlap,omitempty"` // how long the one before signs too
	Replace bool              `json:"replace,omitempty"` // discard a rotation that is planned for later
}

// EndpointResult is an endpoint that was made or changed. Secret is there
// after creation and rotation alone, and never again. Warnings say what will
// trip common receivers.
type EndpointResult struct {
	Endpoint
	Secret   string             `json:"secret,omitempty" doc:"After creation and rotation alone"`
	Warnings []postback.Warning `json:"warnings,omitempty" nullable:"false" doc:"What will trip common receivers"`
}

// EndpointFilter picks endpoints; the zero value picks all.
type EndpointFilter struct {
	Publisher string
	State     postback.EndpointState
}

// Example is what came of sending an example to an endpoint.
type Example struct {
	Delivery  Delivery           `json:"delivery"`
	Attempt   Attempt            `json:"attempt"`
	Diagnosis []postback.Finding `json:"diagnosis,omitempty" nullable:"false" doc:"Why the endpoint did not answer with success, the surest reason first"`
}

func endpointPath(id, action string) string {
	return "/v1/endpoints/" + url.PathEscape(id) + action
}

// CreateEndpoint makes an endpoint. The result holds its secret, this once.
func (c *Client) CreateEndpoint(ctx context.Context, spec EndpointSpec) (EndpointResult, error) {
	var answer EndpointResult
	err := c.do(ctx, call{method: http.MethodPost, path: "/v1/endpoints", body: spec}, &answer)
	return answer, err
}

// GetEndpoint returns one endpoint.
func (c *Client) GetEndpoint(ctx context.Context, id string) (Endpoint, error) {
	var answer Endpoint
	err := c.do(ctx, call{method: http.MethodGet, path: endpointPath(id, "")}, &answer)
	return answer, err
}

// ListEndpoints returns one page of endpoints, newest first.
func (c *Client) ListEndpoints(ctx context.Context, filter EndpointFilter, page PageRequest) (Page[Endpoint], error) {
	query := url.Values{}
	put(query, "publisher", filter.Publisher)
	put(query, "state", string(filter.State))
	putPage(query, page)
	var answer Page[Endpoint]
	err := c.do(ctx, call{method: http.MethodGet, path: "/v1/endpoints", query: query}, &answer)
	return answer, err
}

// Endpoints walks all endpoints that the filter picks, newest first.
func (c *Client) Endpoints(ctx context.Context, filter EndpointFilter) iter.Seq2[Endpoint, error] {
	return pages(ctx, func(ctx context.Context, page PageRequest) (Page[Endpoint], error) {
		return c.ListEndpoints(ctx, filter, page)
	})
}

// UpdateEndpoint changes the settings that the patch names.
func (c *Client) UpdateEndpoint(ctx context.Context, id string, patch postback.EndpointPatch) (EndpointResult, error) {
	var answer EndpointResult
	err := c.do(ctx, call{method: http.MethodPatch, path: endpointPath(id, ""), body: patch}, &answer)
	return answer, err
}

// DeleteEndpoint deletes an endpoint; what waits for it is cancelled.
func (c *Client) DeleteEndpoint(ctx context.Context, id string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: endpointPath(id, "")}, nil)
}

// PauseEndpoint holds an endpoint's deliveries back until it is resumed.
func (c *Client) PauseEndpoint(ctx context.Context, id string) (Endpoint, error) {
	var answer Endpoint
	err := c.do(ctx, call{method: http.MethodPost, path: endpointPath(id, "/pause")}, &answer)
	return answer, err
}

// EnableEndpoint sends again to an endpoint that was disabled.
func (c *Client) EnableEndpoint(ctx context.Context, id string) (Endpoint, error) {
	var answer Endpoint
	err := c.do(ctx, call{method: http.MethodPost, path: endpointPath(id, "/enable")}, &answer)
	return answer, err
}

// ResumeEndpoint lets an endpoint's deliveries go.
func (c *Client) ResumeEndpoint(ctx context.Context, id string) (Endpoint, error) {
	var answer Endpoint
	err := c.do(ctx, call{method: http.MethodPost, path: endpointPath(id, "/resume")}, &answer)
	return answer, err
}

// RotateSecret replaces an endpoint's secret. The result holds the new one,
// this once.
func (c *Client) RotateSecret(ctx context.Context, id string, rotation Rotation) (EndpointResult, error) {
	var answer EndpointResult
	err := c.do(ctx, call{method: http.MethodPost, path: endpointPath(id, "/rotate-secret"), body: rotation}, &answer)
	return answer, err
}

// SendExample sends an example to an endpoint and waits for its answer. An
// empty event type means the one that the scheme sends most.
func (c *Client) SendExample(ctx context.Context, id, eventType string) (Example, error) {
	body := map[string]string{}
	if eventType != "" {
		body["event_type"] = eventType
	}
	var answer Example
	err := c.do(ctx, call{method: http.MethodPost, path: endpointPath(id, "/example"), body: body}, &answer)
	return answer, err
}
