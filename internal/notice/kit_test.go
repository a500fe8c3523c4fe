package notice_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/goleak"

	"github.com/waybillhq/waybill/internal/notice"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/sqlite"
	"github.com/waybillhq/waybill/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errAway = errors.New("it is away")

// ledger is a real one that may fail to forget what was sent, as one does whose
// process is killed before.
type ledger struct {
	*sqlite.Ledger

	forgets atomic.Bool
}

func (l *ledger) ForgetNotice(ctx context.Context, id string) (bool, error) {
	if !l.forgets.Load() {
		return false, errAway
	}
	return l.Ledger.ForgetNotice(ctx, id)
}

// intake accepts events for the endpoints that want them.
type intake struct {
	*testkit.Parts

	away    atomic.Bool
	refuses atomic.Bool
}

func (i *intake) Accept(ctx context.Context, events []postback.Event) ([]postback.Acceptance, error) {
	if i.away.Load() {
		return nil, errAway
	}
	var items []postback.Acceptance
	for _, event := range events {
		event.AcceptedAt = storetest.Noon()
		item := postback.Acceptance{Event: event}
		for _, endpoint := range i.Registry.Matching(event.Publisher, event.Type) {
			item.Deliveries = append(item.Deliveries, storetest.Delivery(event, endpoint.ID))
		}
		items = append(items, item)
	}
	if i.refuses.Load() {
		for j := range items {
			items[j].Err = errAway
		}
		return items, nil
	}
	return i.Ledger.Accept(ctx, items)
}

// bench is a ledger that several processes share, with an endpoint of a
// publisher and one of an operator.
type bench struct {
	*testkit.Parts

	ledger   *ledger
	intake   *intake
	endpoint postback.Endpoint
	operator postback.Endpoint
}

func setup(t *testing.T) *bench {
	t.Helper()
	parts := testkit.NewParts(t)
	b := &bench{Parts: parts, ledger: &ledger{Ledger: parts.Ledger}, intake: &intake{Parts: parts}}
	b.ledger.forgets.Store(true)
	b.endpoint = parts.Create(t, postback.EndpointSpec{Scheme: "bitlabs", EndpointSettings: postback.EndpointSettings{URL: "https://publisher.example.com:8443/postback?user=[%UID%]"}})
	b.operator = parts.Create(t, postback.EndpointSpec{Publisher: postback.Operator, Scheme: postback.OperatorScheme, EndpointSettings: postback.EndpointSettings{URL: "https://ops.example.com/hook"}})
	return b
}

// process is a Notifier of its own.
func (b *bench) process(t *testing.T, meters ...metric.Meter) *notice.Notifier {
	t.Helper()
	meters = append(meters, noop.NewMeterProvider().Meter("test"))
	made, err := notice.New(notice.Options{
		Ledger: b.ledger, Findings: b.ledger, Endpoints: b.Registry, Circuits: b.Breaker, Intake: b.intake, Identity: "ledger-1", Window: time.Minute, Meter: meters[0], Logger: b.Logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func look(t *testing.T, notifier *notice.Notifier, now time.Time) {
	t.Helper()
	if err := notifier.Look(t.Context(), now); err != nil {
		t.Fatal(err)
	}
}

// fail brings an endpoint into a failure streak with an open circuit.
func (b *bench) fail(t *testing.T, endpointID string) {
	t.Helper()
	err := b.Ledger.NoteFailures(t.Context(), postback.FailureStreak{
		EndpointID: endpointID, Since: storetest.Noon(), FailedAt: storetest.Noon(), Failures: 10, LastError: "timeout",
	})
	if err != nil {
		t.Fatal(err)
	}
	if opened, err := b.Ledger.OpenCircuit(t.Context(), endpointID, storetest.After(5*time.Second), storetest.After(time.Minute)); !opened || err != nil {
		t.Fatalf("opened %t, %v", opened, err)
	}
}

func (b *bench) recover(t *testing.T, endpointID string) {
	t.Helper()
	if _, ended, err := b.Ledger.Recover(t.Context(), endpointID, storetest.After(20*time.Second)); !ended || err != nil {
		t.Fatalf("ended %t, %v", ended, err)
	}
}

// die makes a dead letter of an endpoint.
func (b *bench) die(t *testing.T, endpointID string, reason postback.Reason, at time.Time) string {
	t.Helper()
	item := storetest.Acceptance(storetest.Event(storetest.NewID("evt", storetest.Noon())), endpointID)
	if _, err := b.Ledger.Accept(t.Context(), []postback.Acceptance{item}); err != nil {
		t.Fatal(err)
	}
	move := storetest.DeadLetter(item.Deliveries[0].Ref())
	move.Reason, move.At = reason, at
	if err := b.Ledger.Record(t.Context(), move); err != nil {
		t.Fatal(err)
	}
	return item.Deliveries[0].ID
}

// sent are the events that operators were sent, the newest first.
func (b *bench) sent(t *testing.T) []postback.Event {
	t.Helper()
	events, _, err := b.Ledger.Events(t.Context(), postback.EventFilter{Publisher: postback.Operator}, postback.Page{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// expectSent checks how often each type was sent, as events with a delivery and
// in the log.
func (b *bench) expectSent(t *testing.T, want map[string]int) {
	t.Helper()
	got := map[string]int{}
	for _, event := range b.sent(t) {
		got[event.Type]++
		_, deliveries, err := b.Ledger.Event(t.Context(), event.ID)
		if err != nil || len(deliveries) != 1 || deliveries[0].EndpointID != b.operator.ID {
			t.Errorf("%s has deliveries %+v, %v", event.Type, deliveries, err)
		}
	}
	for _, eventType := range postback.NoticeTypes() {
		if got[eventType] != want[eventType] {
			t.Errorf("%s was sent %d times, want %d", eventType, got[eventType], want[eventType])
		}
		if lines := len(b.Logs.With(lineOf(eventType))); lines != want[eventType] {
			t.Errorf("%s is in the log %d times, want %d", eventType, lines, want[eventType])
		}
	}
}

func lineOf(eventType string) string {
	return map[string]string{
		postback.NoticeFailing:   "endpoint failing, deliveries wait while it is probed",
		postback.NoticeRecovered: "endpoint recovered",
		postback.NoticeDisabled:  "endpoint disabled, deliveries wait until it is enabled",
		postback.NoticeDead:      "deliveries became dead letters",
		postback.NoticeBlocked:   "endpoint blocked, its deliveries wait",
		postback.NoticeDown:      "egress outage, deliveries wait and use up no attempt",
		postback.NoticeUp:        "egress recovered",
		postback.NoticeUnmatched: "events reached nobody",
	}[eventType]
}

// dataOf is the data of the event of a type that was sent last.
func (b *bench) dataOf(t *testing.T, eventType string) string {
	t.Helper()
	for _, event := range b.sent(t) {
		if event.Type == eventType {
			whole, _, err := b.Ledger.Event(t.Context(), event.ID)
			if err != nil {
				t.Fatal(err)
			}
			return string(whole.Data)
		}
	}
	t.Fatalf("no %s was sent", eventType)
	return ""
}

func keysOf(t *testing.T, data string) map[string]any {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(data), &fields); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return fields
}
