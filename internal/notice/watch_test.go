package notice_test

import (
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

func TestMetrics(t *testing.T) {
	t.Parallel()
	b := setup(t)
	reader := sdkmetric.NewManualReader()
	notifier := b.process(t, sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter("test"))
	expect := func(name string, want map[string]int64) {
		t.Helper()
		got := testkit.Measured(t, reader, name)
		if len(got) != len(want) {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
		for label, value := range want {
			if got[label] != value {
				t.Errorf("%s is %v, want %v", name, got, want)
			}
		}
	}
	expect("waybill.endpoints", map[string]int64{"enabled": 2, "paused": 0, "disabled": 0, "circuit_open": 0})

	spec := postback.EndpointSpec{Scheme: "besitos", EndpointSettings: postback.EndpointSettings{URL: "https://publisher.example.com/more"}}
	paused, disabled, deleted := b.Create(t, spec), b.Create(t, spec), b.Create(t, spec)
	if _, err := b.Endpoints.Pause(t.Context(), paused.ID); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{b.endpoint.ID, b.operator.ID, disabled.ID} {
		b.fail(t, id)
	}
	if err := b.Endpoints.Disable(t.Context(), disabled.ID, disabled.Revision, postback.DisabledGone); err != nil {
		t.Fatal(err)
	}
	if err := b.Endpoints.Delete(t.Context(), deleted.ID); err != nil {
		t.Fatal(err)
	}
	if err := b.Breaker.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect("waybill.endpoints", map[string]int64{"enabled": 0, "paused": 1, "disabled": 1, "circuit_open": 2})

	look(t, notifier, time.Now())
	expect("waybill.alerts", map[string]int64{postback.NoticeFailing: 3, postback.NoticeDisabled: 1})
}
