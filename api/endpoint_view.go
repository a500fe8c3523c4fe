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

// endpointView describes a client.Endpoint.
type endpointView client.Endpoint

// TransformSchema describes settings as they are shown, and says which ones every
// endpoint has.
func (endpointView) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	for _, setting := range postback.SettingsOfEndpoint() {
		property := s.Properties[setting.Name]
		property.Description = setting.Shown
		property.Minimum, property.Maximum, property.MinLength, property.MaxLength, property.MaxItems = nil, nil, nil, nil, nil
	}
	s.Required = append(s.Required, "method", "event_types", "retry", "timeout")
	return s
}

func secretsOf(secrets []postback.SealedSecret) []client.SecretTimes {
	views := make([]client.SecretTimes, 0, len(secrets))
	for _, secret := range secrets {
		from := secret.ActiveFrom
		if from.IsZero() {
			from = secret.CreatedAt
		}
		views = append(views, client.SecretTimes{
			Version: secret.Version, CreatedAt: stamp(secret.CreatedAt), ActiveFrom: stamp(from),
			RetiresAt: stamp(secret.RetiredAt), LastUsedAt: stamp(secret.LastUsedAt),
		})
	}
	return views
}

// changedEndpoint describes a client.EndpointResult.
type changedEndpoint client.EndpointResult

// TransformSchema describes the endpoint as it is shown elsewhere.
func (changedEndpoint) TransformSchema(registry huma.Registry, s *huma.Schema) *huma.Schema {
	return endpointView{}.TransformSchema(registry, s)
}

func endpointOf(e postback.Endpoint, now time.Time) client.Endpoint {
	view := client.Endpoint{
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
