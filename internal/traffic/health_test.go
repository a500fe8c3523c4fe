package traffic_test

import (
	"maps"
	"reflect"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/internal/traffic"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/storetest"
)

// TestHealthIsWhatAllProcessesWrote reads, over a real ledger, what two
// processes counted, a trouble and what waits.
func TestHealthIsWhatAllProcessesWrote(t *testing.T) {
	t.Parallel()
	ledger := testkit.OpenLedger(t)
	first, _ := newRecorder(ledger)
	second, _ := newRecorder(ledger)
	first.Observe("ep_1", good(100*time.Millisecond))
	first.Observe("ep_2", good(time.Second))
	flush(t, first)
	first.Observe("ep_1", ended(15*time.Second, 0, "timeout"))
	second.Observe("ep_1", good(200*time.Millisecond))
	for range 2 {
		flush(t, first)
		flush(t, second)
	}
	since := time.Now().UTC().Add(-time.Minute).Truncate(time.Microsecond)
	if err := ledger.NoteFailures(t.Context(), postback.Trouble{EndpointID: "ep_1", Since: since, Failures: 3, LastError: "timeout"}); err != nil {
		t.Fatal(err)
	}
	event := storetest.Event("evt_1")
	item := storetest.Acceptance(event, "ep_1", "ep_2")
	if _, err := ledger.Accept(t.Context(), []postback.Acceptance{item}); err != nil {
		t.Fatal(err)
	}

	health, err := traffic.Reader{Sources: ledger, Now: time.Now}.Health(t.Context(), "ep_1", 15*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if want := (postback.Trouble{EndpointID: "ep_1", Since: since, Failures: 3, LastError: "timeout"}); health.Trouble != want {
		t.Errorf("the trouble is %+v, want %+v", health.Trouble, want)
	}
	if want := (postback.Waiting{Pending: 1, Parked: map[postback.Reason]int{}, Oldest: event.AcceptedAt}); !reflect.DeepEqual(health.Waiting, want) {
		t.Errorf("what waits is %+v, want %+v", health.Waiting, want)
	}
	got := health.Traffic
	if got.Attempts != 3 || got.Succeeded != 2 || len(got.Errors) != 1 || got.Errors["timeout"] != 1 {
		t.Errorf("the traffic is %+v", got)
	}
	if !near(got.Latency.P50, 200*time.Millisecond) || !near(got.Latency.P99, 15*time.Second) {
		t.Errorf("the latency is %+v", got.Latency)
	}
	if time.Since(got.LastAttemptAt) > time.Minute || time.Since(got.LastSuccessAt) > time.Minute || got.Since.After(time.Now().Add(-15*time.Minute)) {
		t.Errorf("the times of %+v", got)
	}
}

// TestOpenCircuits tells those that are open from those that only failed.
func TestOpenCircuits(t *testing.T) {
	t.Parallel()
	ledger := testkit.OpenLedger(t)
	for _, id := range []string{"ep_1", "ep_2"} {
		if err := ledger.NoteFailures(t.Context(), postback.Trouble{EndpointID: id, Since: storetest.Noon(), Failures: 3, LastError: "timeout"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ledger.OpenCircuit(t.Context(), "ep_2", storetest.Noon(), storetest.After(time.Second)); err != nil {
		t.Fatal(err)
	}
	open, err := traffic.Reader{Sources: ledger, Now: time.Now}.OpenCircuits(t.Context())
	if err != nil || !maps.Equal(open, map[string]bool{"ep_2": true}) {
		t.Errorf("got %v, %v", open, err)
	}
}

// TestHealthOfNobody is that of an endpoint which nothing was ever sent to.
func TestHealthOfNobody(t *testing.T) {
	t.Parallel()
	health, err := traffic.Reader{Sources: testkit.OpenLedger(t), Now: time.Now}.Health(t.Context(), "ep_1", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if health.Traffic.Attempts != 0 || health.Trouble.Open() || !health.Waiting.Oldest.IsZero() || !health.Traffic.LastAttemptAt.IsZero() {
		t.Errorf("got %+v", health)
	}
}
