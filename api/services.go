package api

import (
	"context"
	"net/netip"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// Every error of a service is a *postback.Error that says what is wrong with
// the request, or anything else, which is answered as 503: what the service
// needs could not be reached.

// Intake accepts events.
type Intake interface {
	// Accept records events durably and answers in the same order. An
	// acceptance's Err refuses that event alone.
	Accept(ctx context.Context, events []postback.Event) ([]postback.Acceptance, error)
}

// Rematcher matches recorded events again.
type Rematcher interface {
	// DeliverEvents makes the deliveries that recorded events lack; with dryRun it
	// counts them. It does a part, and says where the next one begins.
	DeliverEvents(ctx context.Context, filter postback.EventFilter, cursor string, dryRun bool) (postback.Rematch, error)
}

// EndpointManager makes and changes endpoints.
type EndpointManager interface {
	Create(ctx context.Context, spec postback.EndpointSpec) (postback.Endpoint, postback.Secret, []postback.Warning, error)
	Update(ctx context.Context, id string, patch postback.EndpointPatch) (postback.Endpoint, []postback.Warning, error)
	// RotateSecret replaces the secret and returns the new one.
	RotateSecret(ctx context.Context, id string, rotation postback.Rotation) (postback.Endpoint, postback.Secret, error)
	Delete(ctx context.Context, id string) error
}

// EndpointSwitch holds an endpoint's deliveries back and lets them go.
type EndpointSwitch interface {
	Pause(ctx context.Context, id string) (postback.Endpoint, error)
	Resume(ctx context.Context, id string) (postback.Endpoint, error)
}

// EndpointReader reads endpoints.
type EndpointReader interface {
	// Endpoint returns one endpoint, a deleted one too.
	Endpoint(ctx context.Context, id string) (postback.Endpoint, error)
	// Endpoints lists endpoints, newest first, without deleted ones.
	Endpoints(ctx context.Context, filter postback.EndpointFilter, page postback.Page) ([]postback.Endpoint, string, error)
}

// EndpointHealth tells how endpoints do.
type EndpointHealth interface {
	// Health tells it of an endpoint, with its traffic in a window before now, of
	// a day at most.
	Health(ctx context.Context, endpoint postback.Endpoint, window time.Duration) (postback.Health, error)
	// OpenCircuits tells which endpoints are left alone because they keep failing.
	OpenCircuits(ctx context.Context) (map[string]bool, error)
}

// History answers what happened. A malformed cursor is an error in the field
// "cursor".
type History interface {
	Event(ctx context.Context, id string) (postback.Event, []postback.Delivery, error)
	Events(ctx context.Context, filter postback.EventFilter, page postback.Page) ([]postback.Event, string, error)
	Delivery(ctx context.Context, id string) (postback.Delivery, []postback.Attempt, error)
	Deliveries(ctx context.Context, filter postback.DeliveryFilter, page postback.Page) ([]postback.Delivery, string, error)
}

// Exports reads much at once. Parts may be smaller than asked for; the cursor of
// one may also be a delivery's id.
type Exports interface {
	Deliveries(ctx context.Context, filter postback.DeliveryFilter, page postback.Page) ([]postback.Delivery, string, error)
	// Histories lists deliveries, each with its attempts, oldest first.
	Histories(ctx context.Context, filter postback.DeliveryFilter, page postback.Page) ([]postback.History, string, error)
	CountDeliveries(ctx context.Context, filter postback.DeliveryFilter) (int, error)
}

// Replayer reopens ended deliveries.
type Replayer interface {
	ReplayDelivery(ctx context.Context, id string) (postback.Delivery, error)
	StartReplay(ctx context.Context, filter postback.DeliveryFilter, rate float64, dryRun bool) (postback.ReplayJob, error)
	CancelReplay(ctx context.Context, id string) (postback.ReplayJob, error)
}

// ReplayReader reads replay jobs.
type ReplayReader interface {
	Replay(ctx context.Context, id string) (postback.ReplayJob, error)
	// ReplayOutcomes counts what became of what a job reopened. It looks at each of
	// those.
	ReplayOutcomes(ctx context.Context, id string) (postback.ReplayOutcomes, error)
	ReplayJobs(ctx context.Context, filter postback.ReplayFilter, page postback.Page) ([]postback.ReplayJob, string, error)
}

// Examples sends an example to an endpoint and waits for its answer. An empty
// event type means the one that the scheme sends most.
type Examples interface {
	Example(ctx context.Context, endpointID, eventType string) (postback.Delivery, postback.Attempt, error)
}

// Diagnoser says why an endpoint did not take an attempt, the surest reason
// first. What it says holds no secret.
type Diagnoser interface {
	Diagnose(ctx context.Context, endpointID string, attempt postback.Attempt) []postback.Finding
}

// Keys keeps API keys.
type Keys interface {
	// Create returns the new key's record and the key itself.
	Create(ctx context.Context, name string, role postback.Role, publisher string) (postback.APIKey, string, error)
	// Authenticate returns the record of a good key, else CodeUnauthorized, or
	// CodeTooManyRequests to a client that fails too often.
	Authenticate(ctx context.Context, key string, client netip.Prefix) (postback.APIKey, error)
	List(ctx context.Context) ([]postback.APIKey, error)
	Revoke(ctx context.Context, id string) error
}

// Pace bounds how many requests a second each key makes.
type Pace interface {
	// Take counts a request; when there are too many, it says after how long the
	// next one is let through.
	Take(keyID string) (wait time.Duration)
	PerSecond() int
}

// Schemes knows the schemes that endpoints may choose.
type Schemes interface {
	// Create keeps a new scheme, declared in JSON.
	Create(ctx context.Context, declaration []byte) (postback.Scheme, error)
	// List describes all schemes, by their names.
	List(ctx context.Context) ([]postback.Scheme, error)
	Scheme(ctx context.Context, name string) (postback.Scheme, error)
	// Delete takes a scheme that was declared by the API out of use.
	Delete(ctx context.Context, name string) error
}
