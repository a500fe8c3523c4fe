package dispatcher_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace/noop"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/internal/schemes"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

// instant is a ledger that writes nothing, so that what is left is what the
// dispatcher does.
type instant struct{ dispatcher.Ledger }

func (instant) Accept(_ context.Context, items []postback.Acceptance) ([]postback.Acceptance, error) {
	return items, nil
}

// BenchmarkAccept accepts one event for one endpoint.
func BenchmarkAccept(b *testing.B) {
	parts := testkit.NewParts(b)
	q := &queue{}
	d, err := dispatcher.New(dispatcher.Options{
		Accept:  dispatcher.AcceptOptions{Ledger: instant{}, Rules: schemes.Rules{Schemes: parts.Schemes}},
		Lanes:   dispatcher.LaneOptions{MaxQueued: 1},
		Enqueue: dispatcher.EnqueueOptions{Queue: q},
		Requeue: dispatcher.RequeueOptions{Ledger: parts.Ledger, Grace: time.Minute},
		Release: dispatcher.ReleaseOptions{
			Ledger: parts.Ledger, Groups: parts.Ledger, Circuits: parts.Breaker, Limits: limitless{}, Holds: &holds{},
			InFlight: dispatcher.InFlightLimits{PerEndpoint: 1},
		},
		Replay:    dispatcher.ReplayOptions{Ledger: parts.Ledger, Jobs: parts.Ledger},
		Rebuild:   dispatcher.RebuildOptions{Epochs: q},
		Endpoints: parts.Registry,
		Tracer:    noop.NewTracerProvider().Tracer(""), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	for _, scheme := range []string{"besitos", "bitlabs", "simpleswap"} {
		spec := postback.EndpointSpec{Publisher: scheme, Scheme: scheme, EndpointSettings: postback.EndpointSettings{URL: "https://receiver.example.com/"}}
		if scheme == "bitlabs" {
			spec.URL += "?uid=[%UID%]&val=[%VAL%]&tx=[%TX%]"
		}
		parts.Create(b, spec)
		data := parts.Schemes.Example(scheme, "conversion.completed")
		one := []postback.Event{{ID: "evt_1", Type: "conversion.completed", Publisher: scheme, Data: data}}
		b.Run(scheme, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				answers, err := d.Accept(b.Context(), one)
				if err != nil || answers[0].Err != nil || len(answers[0].Deliveries) != 1 {
					b.Fatal(answers, err)
				}
			}
		})
	}
}
