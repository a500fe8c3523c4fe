package worker_test

import (
	"context"
	"log/slog"
	"net/http"
	"testing"
	"time"

	nometric "go.opentelemetry.io/otel/metric/noop"
	notrace "go.opentelemetry.io/otel/trace/noop"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
	"github.com/waybillhq/waybill/worker"
)

// oneDelivery takes every transition.
type oneDelivery struct{ worker.Deliveries }

func (oneDelivery) Record(context.Context, postback.Transition) error { return nil }

func (oneDelivery) Ping(context.Context) error { return nil }

// oneEndpoint is the only endpoint there is.
type oneEndpoint struct{}

func (oneEndpoint) Endpoint(string) (postback.Endpoint, bool) {
	return postback.Endpoint{
		ID: "ep_1", Scheme: "simpleswap",
		State: postback.EndpointEnabled, Secrets: []postback.SealedSecret{{Version: 1, Sealed: []byte("sealed")}},
		EndpointSettings: postback.EndpointSettings{URL: "https://receiver.example.com/", Method: http.MethodPost},
	}, true
}

type openSecret struct{}

func (openSecret) Open([]byte, string, int) (postback.Secret, error) {
	return postback.NewSecret("s3cret-s3cret"), nil
}

type builtIn struct{}

func (builtIn) Define(name string) (*signer.Definition, error) { return signer.Define(name) }

type unnoted struct{}

func (unnoted) UseSecrets(context.Context, []postback.SecretUse) error { return nil }

// wellAll knows of no endpoint that fails.
type wellAll struct{}

func (wellAll) Open(string) bool { return false }

func (wellAll) Succeeded(context.Context, string, bool, time.Time) {}

func (wellAll) Failed(context.Context, string, string, time.Time) {}

// ledger is what a delivery needs of one.
type ledger interface {
	worker.Deliveries
	worker.Recorder
}

// onFakes is a worker without a real part, for tests under a fake clock.
func onFakes(t testing.TB, of ledger, out worker.Sender, alter ...func(*worker.Options)) *worker.Worker {
	t.Helper()
	options := worker.Options{
		Load: of,
		Gate: worker.GateOptions{
			Endpoints: oneEndpoint{}, Circuits: wellAll{}, Holds: &holds{}, Limits: limitless{},
			InFlight: worker.InFlightLimits{PerEndpoint: perEndpoint},
		},
		Sign:    worker.SignOptions{Schemes: builtIn{}, Secrets: openSecret{}},
		Send:    out,
		Decide:  worker.DecideOptions{Disabler: stuck{}, Holder: &holds{}, Random: func() float64 { return 0.5 }},
		Record:  worker.RecordOptions{Ledger: of},
		Observe: worker.ObserveOptions{Traffic: &counted{}, Circuits: wellAll{}, Sweeper: &sweeper{}, Uses: unnoted{}},
		Events:  refusing{}, Examples: away{},
		Tracer: notrace.NewTracerProvider().Tracer(""), Meter: nometric.NewMeterProvider().Meter(""),
		Logger: slog.New(slog.DiscardHandler),
	}
	for _, change := range alter {
		change(&options)
	}
	made, err := worker.New(options)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// blocking answers 200 when it is told to.
func blocking(arrived chan<- struct{}, leave <-chan struct{}) http.HandlerFunc {
	return func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-leave
	}
}

// away is a ledger that accepts nothing.
type away struct{}

func (away) Accept(context.Context, []postback.Acceptance) ([]postback.Acceptance, error) {
	return nil, errAway
}

// stuck is a switch that does not turn.
type stuck struct{}

func (stuck) Disable(context.Context, string, int64, string) error { return errAway }

// limitless lets everything go.
type limitless struct{}

func (limitless) Take(context.Context, string, postback.RateLimit) (time.Duration, bool, error) {
	return 0, true, nil
}
