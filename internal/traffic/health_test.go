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

// held says of every endpoint until when it is held.
type held time.Time

func (h held) Until(postback.Endpoint, time.Time) time.Time { return time.Time(h) }

// sources are a ledger, or what stands for one.
type sources interface {
	traffic.FailureStreaks
	traffic.Deliveries
	traffic.Impediments
}

// reader reads what a ledger has now, of endpoints that are not held.
func reader(from sources) traffic.Reader {
	return traffic.Reader{FailureStreaks: from, Deliveries: from, Impediments: from, Holds: held{}, Now: time.Now}
}

// TestHealthIsWhatAllProcessesWrote reads, over a real ledger, what two
// processes counted, a failure streak and what waits.
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
	if err := ledger.NoteFailures(t.Context(), postback.FailureStreak{EndpointID: "ep_1", Since: since, Failures: 3, LastError: "timeout"}); err != nil {
		t.Fatal(err)
	}
	event := storetest.Event("evt_1")
	item := storetest.Acceptance(event, "ep_1", "ep_2")
	if _, err := ledger.Accept(t.Context(), []postback.Acceptance{item}); err != nil {
		t.Fatal(err)
	}

	health, err := reader(ledger).Health(t.Context(), postback.Endpoint{ID: "ep_1"}, 15*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if want := (postback.FailureStreak{EndpointID: "ep_1", Since: since, Failures: 3, LastError: "timeout"}); health.FailureStreak != want {
		t.Errorf("the streak is %+v, want %+v", health.FailureStreak, want)
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
		if err := ledger.NoteFailures(t.Context(), postback.FailureStreak{EndpointID: id, Since: storetest.Noon(), Failures: 3, LastError: "timeout"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ledger.OpenCircuit(t.Context(), "ep_2", storetest.Noon(), storetest.After(time.Second)); err != nil {
		t.Fatal(err)
	}
	open, err := reader(ledger).OpenCircuits(t.Context())
	if err != nil || !maps.Equal(open, map[string]bool{"ep_2": true}) {
		t.Errorf("got %v, %v", open, err)
	}
}

// TestHealthOfNobody is that of an endpoint which nothing was ever sent to.
func TestHealthOfNobody(t *testing.T) {
	t.Parallel()
	health, err := reader(testkit.OpenLedger(t)).Health(t.Context(), postback.Endpoint{ID: "ep_1"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if health.Traffic.Attempts != 0 || health.FailureStreak.Open() || !health.Waiting.Oldest.IsZero() || !health.Traffic.LastAttemptAt.IsZero() {
		t.Errorf("got %+v", health)
	}
}

// TestHealthSaysWhyNothingIsSent tells what blocks an endpoint as long as it is
// found and the endpoint is not changed, else an outage of our own; and until when
// the endpoint asked to be left alone.
func TestHealthSaysWhyNothingIsSent(t *testing.T) {
	t.Parallel()
	ledger := testkit.OpenLedger(t)
	now := storetest.After(time.Hour)
	endpoint := postback.Endpoint{ID: "ep_1", UpdatedAt: storetest.Noon()}
	until := now.Add(20 * time.Second)
	expect := func(cause string, since time.Time) {
		t.Helper()
		read := reader(ledger)
		read.Holds, read.Now = held(until), func() time.Time { return now }
		health, err := read.Health(t.Context(), endpoint, time.Hour)
		if err != nil || health.Block.Cause != cause || !health.Block.Since.Equal(since) || (health.Block.Message == "") != (cause == "") {
			t.Errorf("blocked by %+v, %v; want %q since %s", health.Block, err, cause, since)
		}
		if !health.HeldUntil.Equal(until) {
			t.Errorf("held until %s, want %s", health.HeldUntil, until)
		}
	}
	expect("", time.Time{})
	outage := postback.Outage{Process: "a", Reason: "egress_source", Message: "no address", Since: now.Add(-time.Minute), At: now}
	if err := ledger.NoteOutage(t.Context(), outage); err != nil {
		t.Fatal(err)
	}
	expect("egress_source", outage.Since)
	block := postback.Block{EndpointID: "ep_1", Cause: "secret_sealed", Message: "add key 2 to the keyring", At: now.Add(-time.Second)}
	if err := ledger.NoteBlock(t.Context(), block); err != nil {
		t.Fatal(err)
	}
	expect("secret_sealed", block.At)
	endpoint.UpdatedAt = now // mended, it may be
	expect("egress_source", outage.Since)
	endpoint.UpdatedAt = storetest.Noon()
	expect("secret_sealed", block.At)
	one := postback.AttemptCounts{EndpointID: "ep_1", Slot: now.Truncate(5 * time.Minute), Attempts: 1, Succeeded: 1, LastAttemptAt: now, LastSuccessAt: now}
	if err := ledger.SaveCounts(t.Context(), "a", []postback.AttemptCounts{one}); err != nil {
		t.Fatal(err)
	}
	expect("egress_source", outage.Since) // something was sent since
	now, until = now.Add(postback.BlockLasts), time.Time{}
	if err := ledger.EndOutage(t.Context(), "a", now); err != nil {
		t.Fatal(err)
	}
	expect("", time.Time{}) // nobody finds it any more
}
