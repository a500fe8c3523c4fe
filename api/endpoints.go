package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

func (s *server) routeEndpoints() {
	create := operation("create-endpoint", http.MethodPost, "/v1/endpoints", "Create an endpoint; only this answer shows its secret")
	create.DefaultStatus = http.StatusCreated
	create = s.refusing(create, http.StatusConflict, "`limit_reached`: the publisher has as many endpoints as it may (--max-endpoints-per-publisher)")
	add(s, create, owners(), s.createEndpoint)
	add(s, operation("list-endpoints", http.MethodGet, "/v1/endpoints", "List endpoints, newest first"), readers(), s.listEndpoints)
	add(s, operation("get-endpoint", http.MethodGet, "/v1/endpoints/{id}", "Show an endpoint"), readers(), s.getEndpoint)
	add(s, operation("get-endpoint-health", http.MethodGet, "/v1/endpoints/{id}/health", "Show an endpoint's health"), readers(), s.getEndpointHealth)
	add(s, operation("update-endpoint", http.MethodPatch, "/v1/endpoints/{id}", "Update an endpoint; what the body leaves out stays as it is"), owners(), s.updateEndpoint)
	add(s, operation("delete-endpoint", http.MethodDelete, "/v1/endpoints/{id}", "Delete an endpoint and cancel what waits for it"), owners(), s.deleteEndpoint)
	add(s, operation("pause-endpoint", http.MethodPost, "/v1/endpoints/{id}/pause", "Pause an endpoint; its deliveries wait"), owners(), s.pauseEndpoint)
	add(s, operation("resume-endpoint", http.MethodPost, "/v1/endpoints/{id}/resume", "Resume an endpoint"), owners(), s.resumeEndpoint)
	add(s, operation("enable-endpoint", http.MethodPost, "/v1/endpoints/{id}/enable", "Enable a disabled endpoint; the same as resume"), owners(), s.resumeEndpoint)
	add(s, operation("rotate-secret", http.MethodPost, "/v1/endpoints/{id}/rotate-secret", "Rotate an endpoint's secret; only this answer shows it"), owners(), s.rotateSecret)
	add(s, operation("send-example", http.MethodPost, "/v1/endpoints/{id}/example", "Send an example and show what was signed, sent and answered"), owners(), s.sendExample)
}

type createEndpointInput struct {
	Body written[endpointBody]
}

type changedOutput struct {
	Body client.EndpointResult
}

type endpointOutput struct {
	Body client.Endpoint
}

func (s *server) createEndpoint(ctx context.Context, input *createEndpointInput) (*changedOutput, error) {
	spec, err := specOf(ctx, input.Body)
	if err != nil {
		return nil, err
	}
	endpoint, secret, warnings, err := s.EndpointManager.Create(ctx, spec)
	if err != nil {
		return nil, fmt.Errorf("create endpoint: %w", err)
	}
	return s.changed(endpoint, secret, warnings), nil
}

func (s *server) endpointView(endpoint postback.Endpoint) client.Endpoint {
	return endpointOf(endpoint, s.Now())
}

func (s *server) changed(endpoint postback.Endpoint, secret postback.Secret, warnings []postback.Warning) *changedOutput {
	return &changedOutput{Body: client.EndpointResult{
		Endpoint: s.endpointView(endpoint), Secret: secret.Reveal(), Warnings: warnings,
	}}
}

type endpointsInput struct {
	PageInput
	Publisher string                 `query:"publisher"`
	State     postback.EndpointState `query:"state" enum:"enabled,paused,disabled"`
}

func (s *server) listEndpoints(ctx context.Context, input *endpointsInput) (*listOutput[client.Endpoint], error) {
	publisher, err := scope(ctx, "publisher", input.Publisher)
	if err != nil {
		return nil, err
	}
	filter := postback.EndpointFilter{Publisher: publisher, State: input.State}
	endpoints, next, err := s.EndpointReader.Endpoints(ctx, filter, input.page())
	if err != nil {
		return nil, fmt.Errorf("list endpoints: %w", err)
	}
	view, err := s.endpointViews(ctx)
	if err != nil {
		return nil, err
	}
	return listOf(endpoints, next, view), nil
}

func (s *server) getEndpoint(ctx context.Context, input *IDInput) (*endpointOutput, error) {
	endpoint, err := s.ownEndpoint(ctx, input.ID)
	if err != nil {
		return nil, err
	}
	view, err := s.endpointViews(ctx)
	if err != nil {
		return nil, err
	}
	return &endpointOutput{Body: view(endpoint)}, nil
}

// endpointViews shows endpoints together with their circuits.
func (s *server) endpointViews(ctx context.Context) (func(postback.Endpoint) client.Endpoint, error) {
	open, err := s.EndpointHealth.OpenCircuits(ctx)
	if err != nil {
		return nil, fmt.Errorf("get circuits: %w", err)
	}
	return func(endpoint postback.Endpoint) client.Endpoint {
		view := s.endpointView(endpoint)
		if open[endpoint.ID] {
			view.Circuit = circuitOpen
		}
		return view
	}, nil
}

// ownEndpoint reads an endpoint that is there and that the caller may see.
func (s *server) ownEndpoint(ctx context.Context, id string) (postback.Endpoint, error) {
	endpoint, err := s.EndpointReader.Endpoint(ctx, id)
	if err != nil {
		return postback.Endpoint{}, fmt.Errorf("get endpoint: %w", err)
	}
	if endpoint.State == postback.EndpointDeleted || !mayTouch(ctx, endpoint.Publisher) {
		return postback.Endpoint{}, notFound("endpoint")
	}
	return endpoint, nil
}

type updateEndpointInput struct {
	IDInput
	Body written[endpointPatch]
}

func (updateEndpointInput) clearedByNull() []string {
	var names []string
	for _, setting := range postback.SettingsOfEndpoint() {
		if setting.Clears() {
			names = append(names, setting.Name)
		}
	}
	return names
}

func (s *server) updateEndpoint(ctx context.Context, input *updateEndpointInput) (*changedOutput, error) {
	before, err := s.ownEndpoint(ctx, input.ID)
	if err != nil {
		return nil, err
	}
	patch, _, err := input.Body.patch(ctx, before.EndpointSettings)
	if err != nil {
		return nil, err
	}
	endpoint, warnings, err := s.EndpointManager.Update(ctx, input.ID, patch)
	if err != nil {
		return nil, fmt.Errorf("update endpoint: %w", err)
	}
	return s.changed(endpoint, postback.Secret{}, warnings), nil
}

func (s *server) deleteEndpoint(ctx context.Context, input *IDInput) (*struct{}, error) {
	if _, err := s.ownEndpoint(ctx, input.ID); err != nil {
		return nil, err
	}
	if err := s.EndpointManager.Delete(ctx, input.ID); err != nil {
		return nil, fmt.Errorf("delete endpoint: %w", err)
	}
	return &struct{}{}, nil
}

func (s *server) pauseEndpoint(ctx context.Context, input *IDInput) (*endpointOutput, error) {
	return s.toggle(ctx, input.ID, s.EndpointSwitch.Pause)
}

func (s *server) resumeEndpoint(ctx context.Context, input *IDInput) (*endpointOutput, error) {
	return s.toggle(ctx, input.ID, s.EndpointSwitch.Resume)
}

func (s *server) toggle(ctx context.Context, id string, act func(context.Context, string) (postback.Endpoint, error)) (*endpointOutput, error) {
	if _, err := s.ownEndpoint(ctx, id); err != nil {
		return nil, err
	}
	endpoint, err := act(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("switch endpoint: %w", err)
	}
	return &endpointOutput{Body: s.endpointView(endpoint)}, nil
}

type rotateInput struct {
	IDInput
	Body *struct {
		Secret  string `json:"secret,omitempty" minLength:"1" maxLength:"1024" writeOnly:"true" doc:"Left out: generated in the network's form"`
		At      string `json:"at,omitempty" format:"date-time" doc:"From when it signs; left out: at once"`
		Overlap string `json:"overlap,omitempty" example:"24h" doc:"How long the secret before signs beside it, in schemes that carry several signatures"`
		Replace bool   `json:"replace,omitempty" doc:"Replace a rotation that is planned for later; without it, one is a conflict"`
	} `nameHint:"RotateSecretBody"`
}

func (i *rotateInput) rotation() (postback.Rotation, error) {
	var rotation postback.Rotation
	if i.Body == nil {
		return rotation, nil
	}
	rotation.Secret, rotation.Replace = postback.NewSecret(i.Body.Secret), i.Body.Replace
	var err error
	if i.Body.At != "" {
		if rotation.At, err = time.Parse(time.RFC3339, i.Body.At); err != nil {
			return rotation, postback.Invalid("at", postback.CodeInvalid, `use an RFC 3339 time such as "2026-01-31T12:00:00Z"`)
		}
	}
	if i.Body.Overlap != "" {
		rotation.Overlap, err = readDuration("overlap", i.Body.Overlap)
	}
	return rotation, err
}

func (s *server) rotateSecret(ctx context.Context, input *rotateInput) (*changedOutput, error) {
	if _, err := s.ownEndpoint(ctx, input.ID); err != nil {
		return nil, err
	}
	wanted, err := input.rotation()
	if err != nil {
		return nil, err
	}
	endpoint, secret, err := s.EndpointManager.RotateSecret(ctx, input.ID, wanted)
	if err != nil {
		return nil, fmt.Errorf("rotate secret: %w", err)
	}
	return s.changed(endpoint, secret, nil), nil
}

type exampleInput struct {
	IDInput
	Body *struct {
		EventType string `json:"event_type,omitempty" minLength:"1" doc:"Left out: the type that the scheme sends most"`
	} `nameHint:"ExampleBody"`
}

type exampleOutput struct {
	Body client.Example
}

func (s *server) sendExample(ctx context.Context, input *exampleInput) (*exampleOutput, error) {
	endpoint, err := s.ownEndpoint(ctx, input.ID)
	if err != nil {
		return nil, err
	}
	eventType := ""
	if input.Body != nil && input.Body.EventType != "" {
		eventType = input.Body.EventType
		if refused, bad := errors.AsType[*postback.Error](postback.CheckTypeOf(endpoint.Publisher, eventType)); bad {
			return nil, postback.Invalid("event_type", refused.Code, "%s", refused.Message)
		}
	}
	delivery, attempt, err := s.Examples.Example(ctx, input.ID, eventType)
	if err != nil {
		return nil, fmt.Errorf("send example: %w", err)
	}
	view := client.Example{Delivery: deliveryOf(delivery), Attempt: attemptOf(attempt)}
	if attempt.Outcome != postback.OutcomeSucceeded {
		view.Diagnosis = s.Diagnoser.Diagnose(ctx, input.ID, attempt)
	}
	return &exampleOutput{Body: view}, nil
}
