package api

import (
	"maps"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// maskedValue stands for a header's value that looks like a credential.
const maskedValue = postback.MaskedHeader

// EndpointView is an endpoint as the API shows it: never its secret.
type EndpointView struct {
	ID        string `json:"id"`
	Publisher string `json:"publisher"`
	Scheme    string `json:"scheme"`
	postback.EndpointSettings
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

// TransformSchema describes settings as they are shown, and says which ones every
// endpoint has.
func (EndpointView) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	for _, setting := range postback.SettingsOfEndpoint() {
		property := s.Properties[setting.Name]
		property.Description = setting.Shown
		property.Minimum, property.Maximum, property.MinLength, property.MaxLength, property.MaxItems = nil, nil, nil, nil, nil
	}
	s.Required = append(s.Required, "method", "event_types", "retry", "timeout")
	return s
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
		ID: e.ID, Publisher: e.Publisher, Scheme: e.Scheme, EndpointSettings: e.EndpointSettings,
		State: e.State, DisabledReason: e.DisabledReason, DisabledAt: stamp(e.DisabledAt), Secrets: secretsOf(e.Secrets),
		CreatedAt: stamp(e.CreatedAt), UpdatedAt: stamp(e.UpdatedAt),
	}
	view.EventTypes = append([]string{}, e.EventTypes...) // none is a list, too
	view.Headers = maskHeaders(e.Headers)
	if signing := e.SecretsAt(now); len(signing) > 0 {
		view.SecretVersion, view.SecretCreatedAt = signing[0].Version, stamp(signing[0].CreatedAt)
	}
	return view
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
