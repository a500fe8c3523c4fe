package notice_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/storetest"
)

func TestSeveralProcessesTellOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const processes = 4
	b.fail(t, b.endpoint.ID)
	b.recover(t, b.endpoint.ID)
	b.fail(t, b.endpoint.ID)
	for range 3 {
		b.die(t, b.endpoint.ID, postback.ReasonExhausted, storetest.Noon())
	}
	if err := b.Endpoints.Disable(t.Context(), b.endpoint.ID, b.endpoint.Revision, postback.DisabledFailing); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range processes {
		notifier := b.process(t)
		group.Go(func() {
			for range 5 {
				if err := notifier.Look(t.Context(), time.Now()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	b.expectSent(t, map[string]int{
		postback.NoticeFailing: 2, postback.NoticeRecovered: 1, postback.NoticeDisabled: 1, postback.NoticeDead: 1,
	})
	if left, err := b.Ledger.Notices(t.Context(), time.Now(), 10); err != nil || len(left) != 0 {
		t.Errorf("%d are not sent, %v", len(left), err)
	}
}

// However many there are, one run reports them.
func TestALookTellsAll(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const endpoints = 120
	for i := range endpoints {
		one := b.Create(t, postback.EndpointSpec{Scheme: "besitos", EndpointSettings: postback.EndpointSettings{URL: fmt.Sprintf("https://publisher.example.com/%d", i)}})
		b.fail(t, one.ID)
	}
	look(t, b.process(t), storetest.Noon())
	b.expectSent(t, map[string]int{postback.NoticeFailing: endpoints})
}

// A process is killed after its event was accepted: the next one reports the same
// event, which is a duplicate.
func TestAKillBeforeItIsForgottenTellsNothingTwice(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fail(t, b.endpoint.ID)
	b.ledger.forgets.Store(false)
	for range 2 {
		if err := b.process(t).Look(t.Context(), storetest.Noon()); err == nil {
			t.Fatal("a notice that is not forgotten is no error")
		}
	}
	if sent := len(b.sent(t)); sent != 1 || len(b.Logs.With(lineOf(postback.NoticeFailing))) != 0 {
		t.Errorf("%d events were sent", sent)
	}
	// Meanwhile the endpoint has moved.
	moved := "https://elsewhere.example.com/postback"
	if _, _, err := b.Endpoints.Update(t.Context(), b.endpoint.ID, postback.EndpointPatch{"url": moved}); err != nil {
		t.Fatal(err)
	}
	b.ledger.forgets.Store(true)
	look(t, b.process(t), storetest.Noon())
	b.expectSent(t, map[string]int{postback.NoticeFailing: 1})
	if data := b.dataOf(t, postback.NoticeFailing); !strings.Contains(data, "publisher.example.com") || strings.Contains(b.Logs.String(), "cannot carry") {
		t.Errorf("the event says %s, the log %s", data, b.Logs)
	}
}

func TestWhatCannotBeSentIsSentLater(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fail(t, b.endpoint.ID)
	b.intake.away.Store(true)
	notifier := b.process(t)
	if err := notifier.Look(t.Context(), storetest.Noon()); err == nil {
		t.Error("an event that was not accepted is no error")
	}
	b.expectSent(t, nil)
	b.intake.away.Store(false)
	look(t, notifier, storetest.Noon())
	b.expectSent(t, map[string]int{postback.NoticeFailing: 1})
}

// An outage of our own way out is about no endpoint.
func TestAnOutageIsSent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	outage := postback.Outage{
		Process: "worker-1", Reason: "egress_proxy", Message: "the egress proxy hung up",
		Since: storetest.Noon(), At: storetest.After(5 * time.Second), Deliveries: 3, Endpoints: 2,
	}
	for _, process := range []string{"worker-1", "worker-2"} {
		outage.Process = process
		if err := b.Ledger.NoteOutage(t.Context(), outage); err != nil {
			t.Fatal(err)
		}
	}
	look(t, b.process(t), storetest.After(10*time.Second))
	b.expectSent(t, map[string]int{postback.NoticeDown: 1})
	for _, process := range []string{"worker-1", "worker-2"} {
		if err := b.Ledger.EndOutage(t.Context(), process, storetest.After(time.Hour)); err != nil {
			t.Fatal(err)
		}
		look(t, b.process(t), storetest.After(time.Hour))
	}
	b.expectSent(t, map[string]int{postback.NoticeDown: 1, postback.NoticeUp: 1})
	says := `{"process":"worker-1","reason":"egress_proxy","message":"the egress proxy hung up",` +
		`"at":"2026-01-31T12:00:05.123Z","since":"2026-01-31T12:00:00.123Z","held_deliveries":3,"held_endpoints":2}`
	for eventType, want := range map[string]string{
		postback.NoticeDown: says, postback.NoticeUp: strings.Replace(says, "12:00:05", "13:00:00", 1),
	} {
		got := b.dataOf(t, eventType)
		if got != want {
			t.Errorf("%s says\n%s, want\n%s", eventType, got, want)
		}
		b.expectExample(t, eventType, got)
	}
}

// One that is refused for good does not hold up the others.
func TestWhatIsRefusedIsLogged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fail(t, b.endpoint.ID)
	b.intake.refuses.Store(true)
	look(t, b.process(t), storetest.Noon())
	b.intake.refuses.Store(false)
	look(t, b.process(t), storetest.Noon())
	if lines := b.Logs.With("no operator endpoint can carry an alert"); len(lines) != 1 || lines[0]["level"] != "ERROR" {
		t.Errorf("the log says %v", lines)
	}
	if len(b.sent(t)) != 0 || len(b.Logs.With(lineOf(postback.NoticeFailing))) != 1 {
		t.Error("it was sent again, or is not in the log")
	}
}

// A failure of an operator's endpoint makes no event: that would be sent to
// it, fail, and make the next one.
func TestAnOperatorsEndpointGetsNoAlertsOfItself(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fail(t, b.operator.ID)
	b.recover(t, b.operator.ID)
	b.die(t, b.operator.ID, postback.ReasonExhausted, storetest.Noon())
	if err := b.Endpoints.Disable(t.Context(), b.operator.ID, b.operator.Revision, postback.DisabledGone); err != nil {
		t.Fatal(err)
	}
	look(t, b.process(t), time.Now())
	if err := b.process(t).Blocked(t.Context(), block(b.operator.ID, "secret_sealed", storetest.Noon())); err != nil {
		t.Fatal(err)
	}
	if sent := b.sent(t); len(sent) != 0 {
		t.Errorf("operators were sent %+v", sent)
	}
	for _, eventType := range []string{
		postback.NoticeFailing, postback.NoticeRecovered, postback.NoticeDisabled, postback.NoticeDead, postback.NoticeBlocked,
	} {
		if lines := len(b.Logs.With(lineOf(eventType))); lines != 1 {
			t.Errorf("%s is in the log %d times", eventType, lines)
		}
	}
}

// Dead letters are sent together, once their window is over.
func TestDeadLettersAreSentTogether(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := b.Create(t, postback.EndpointSpec{Scheme: "besitos", EndpointSettings: postback.EndpointSettings{URL: "https://publisher.example.com/other"}})
	notifier := b.process(t)
	begin := storetest.Noon().Truncate(time.Minute)
	for i := range 30 {
		b.die(t, b.endpoint.ID, postback.ReasonExhausted, begin.Add(time.Duration(i)*time.Second))
	}
	b.die(t, other.ID, postback.ReasonMaxAge, begin.Add(30*time.Second))
	for _, step := range []struct {
		after time.Duration
		sent  int
	}{{30 * time.Second, 0}, {59 * time.Second, 0}, {time.Minute, 2}, {2 * time.Minute, 2}} {
		look(t, notifier, begin.Add(step.after))
		if sent := len(b.sent(t)); sent != step.sent {
			t.Errorf("%d events after %s, want %d", sent, step.after, step.sent)
		}
	}
	b.die(t, b.endpoint.ID, postback.ReasonStopped, begin.Add(2*time.Minute))
	look(t, notifier, begin.Add(3*time.Minute))
	b.expectSent(t, map[string]int{postback.NoticeDead: 3})
}

func TestWhatAnEventSays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	notifier := b.process(t)
	b.fail(t, b.endpoint.ID)
	b.recover(t, b.endpoint.ID)
	b.fail(t, b.endpoint.ID)
	if err := b.Endpoints.Disable(t.Context(), b.endpoint.ID, b.endpoint.Revision, postback.DisabledFailing); err != nil {
		t.Fatal(err)
	}
	first := b.die(t, b.endpoint.ID, postback.ReasonExhausted, storetest.Noon())
	second := b.die(t, b.endpoint.ID, postback.ReasonStopped, storetest.After(2*time.Second))
	look(t, notifier, time.Now())
	disabled, _ := b.Registry.Endpoint(b.endpoint.ID)

	whose := `{"endpoint_id":"` + b.endpoint.ID + `","publisher":"pub_1","host":"publisher.example.com:8443",`
	failing := `"at":"2026-01-31T12:00:05.123Z","since":"2026-01-31T12:00:00.123Z","failures":10,"last_error":"timeout"}`
	for eventType, want := range map[string]string{
		postback.NoticeFailing:   whose + `"state":"enabled",` + failing,
		postback.NoticeRecovered: whose + `"state":"enabled",` + strings.Replace(failing, "12:00:05", "12:00:20", 1),
		postback.NoticeDisabled: whose + `"state":"disabled","reason":"failing",` +
			strings.Replace(failing, "2026-01-31T12:00:05.123Z", disabled.DisabledAt.Format("2006-01-02T15:04:05.000Z07:00"), 1),
		postback.NoticeDead: whose + `"count":2,"reasons":{"attempts_exhausted":1,"stopped":1},"first_at":"2026-01-31T12:00:00.123Z",` +
			`"last_at":"2026-01-31T12:00:02.123Z","deliveries":["` + first + `","` + second + `"]}`,
	} {
		got := b.dataOf(t, eventType)
		if got != want {
			t.Errorf("%s says\n%s, want\n%s", eventType, got, want)
		}
		b.expectExample(t, eventType, got)
	}
}

// expectExample checks that the example of a type has the same fields.
func (b *bench) expectExample(t *testing.T, eventType, data string) {
	t.Helper()
	scheme, err := b.Schemes.Define(postback.OperatorScheme)
	if err != nil {
		t.Fatal(err)
	}
	fields := func(data string) []string { return slices.Sorted(maps.Keys(keysOf(t, data))) }
	if example := string(scheme.Example(eventType)); !slices.Equal(fields(example), fields(data)) {
		t.Errorf("the example of %s is %s", eventType, example)
	}
}

func TestNothingOfAURLIsSentButItsHost(t *testing.T) {
	t.Parallel()
	for rawURL, want := range map[string]string{
		"https://publisher.example.com/a/b?key=s3cret#part":     "publisher.example.com",
		"https://publisher.example.com:8443?u=[%UID%]":          "publisher.example.com:8443",
		"https://user:s3cret@publisher.example.com/a@b":         "publisher.example.com",
		"http://[2001:db8::1]:8080/path":                        "[2001:db8::1]:8080",
		"https://publisher.example.com/?to=https://a.example.c": "publisher.example.com",
		"": "",
	} {
		if got := postback.HostOf(rawURL); got != want {
			t.Errorf("%s: got %q, want %q", rawURL, got, want)
		}
	}
}
