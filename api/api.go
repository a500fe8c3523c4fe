package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"go.opentelemetry.io/otel/trace"
)

// Options are what the API is made of. Metrics, Tracer and Pace may be nil.
type Options struct {
	Intake          Intake
	Rematcher       Rematcher
	EndpointManager EndpointManager
	EndpointSwitch  EndpointSwitch
	EndpointReader  EndpointReader
	EndpointHealth  EndpointHealth
	History         History
	Exports         Exports
	Replayer        Replayer
	ReplayReader    ReplayReader
	Examples        Examples
	Diagnoser       Diagnoser
	Keys            Keys
	Schemes         Schemes
	Pace            Pace

	// Ready reports whether events can be accepted.
	Ready func(ctx context.Context) error
	// Metrics answers GET /metrics.
	Metrics http.Handler
	// Egress are the addresses that publishers see.
	Egress []string

	Logger  *slog.Logger
	Tracer  trace.Tracer
	Now     func() time.Time
	Version string
}

func (o Options) validate() error {
	required := map[string]any{
		"Intake": o.Intake, "Rematcher": o.Rematcher, "EndpointManager": o.EndpointManager, "EndpointSwitch": o.EndpointSwitch,
		"EndpointReader": o.EndpointReader, "EndpointHealth": o.EndpointHealth, "History": o.History, "Exports": o.Exports, "Replayer": o.Replayer, "ReplayReader": o.ReplayReader,
		"Examples": o.Examples, "Diagnoser": o.Diagnoser, "Keys": o.Keys, "Schemes": o.Schemes,
	}
	var missing []error
	for name, value := range required {
		if value == nil {
			missing = append(missing, fmt.Errorf("api option %s is missing", name))
		}
	}
	if o.Ready == nil || o.Now == nil || o.Logger == nil {
		missing = append(missing, errors.New("api options Ready, Now and Logger are required"))
	}
	return errors.Join(missing...)
}

// server holds what the handlers share; it does not change after New.
type server struct {
	Options
	mux     *http.ServeMux
	huma    huma.API
	openAPI []byte
	turns   turns
}

// New makes the API's handler. The caller's server sets the deadlines of
// connections, as internal/listen does. It must not bound a whole answer: an
// example waits for an attempt, 60 s at most, and an export streams for as long
// as it takes.
func New(options Options) (http.Handler, error) {
	if err := options.validate(); err != nil {
		return nil, err
	}
	s := &server{Options: options, mux: http.NewServeMux(), turns: turns{of: map[string]*turn{}}}
	s.huma = humago.New(s.mux, s.humaConfig())
	s.routeEvents()
	s.routeEndpoints()
	s.routeDeliveries()
	s.routeReplays()
	s.routeKeys()
	s.routeSchemes()
	s.routeHealth()
	s.mux.HandleFunc("/", s.unrouted)

	document, err := s.huma.OpenAPI().MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("write openapi document: %w", err)
	}
	s.openAPI = document
	return s.observe(s.mux), nil
}

// humaConfig describes the API and turns off what is not wanted of huma: its
// documentation page (it loads from a public host), its schema links and its
// own error documents (they repeat the input).
func (s *server) humaConfig() huma.Config {
	config := huma.DefaultConfig("Waybill", s.Version)
	config.Info.Description = "Delivers postbacks and webhooks, signed in the scheme that each receiver verifies. " +
		"Null is refused, but within the data of an event and in a field that says what null does to it: to give no value, leave the field out."
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", ""
	config.CreateHooks = nil
	config.Transformers = []huma.Transformer{replaceHumaErrors}
	config.Components.Schemas = newRegistry()
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"key": {Type: "http", Scheme: "bearer", Description: "An API key."},
	}
	return config
}
