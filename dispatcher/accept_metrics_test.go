package dispatcher_test

import (
	"maps"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

// Each event that came in counts once, by what became of it; those of an operator
// do not.
func TestEventsAreCountedByOutcome(t *testing.T) {
	t.Parallel()
	reader := sdkmetric.NewManualReader()
	b := setup(t, func(o *dispatcher.Options) {
		o.Meter = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter("test")
	})
	want := map[string]int64{"accepted": 0, "duplicate": 0, "refused": 0, "unmatched": 0}
	expect := func(what string) {
		t.Helper()
		if got := testkit.Measured(t, reader, "waybill.events"); !maps.Equal(got, want) {
			t.Errorf("%s: counted are %v, want %v", what, got, want)
		}
	}
	expect("nothing")
	b.offer(t)
	b.accept(t, event(t, "tx-1"))
	want["accepted"]++
	expect("an event")
	b.accept(t, event(t, "tx-1"))
	want["duplicate"]++
	expect("the same")
	stray := parse(t, `{"id":"tx-2","type":"conversion.completed","publisher":"pub_typo","data":{}}`)
	b.accept(t, stray)
	want["unmatched"]++
	expect("one that nobody wants")
	b.accept(t, stray)
	want["duplicate"]++
	expect("the same that nobody wants")
	for _, payload := range []string{"not JSON", `{"type":"conversion.completed","publisher":"pub_1","data":{"a":[]}}`} {
		if err := b.AcceptQueued(t.Context(), []byte(payload)); err != nil {
			t.Fatal(err)
		}
		want["refused"]++
		expect(payload)
	}
	b.accept(t, postback.Event{ID: "op_1", Type: postback.NoticeDead, Publisher: postback.Operator, Data: []byte(`{}`), Digest: []byte("1")})
	expect("alerts")
}
