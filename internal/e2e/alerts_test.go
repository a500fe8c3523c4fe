package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// alert is an event that an operator got.
type alert struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		EndpointID string         `json:"endpoint_id"`
		Publisher  string         `json:"publisher"`
		Host       string         `json:"host"`
		State      string         `json:"state"`
		Reason     string         `json:"reason"`
		Failures   int            `json:"failures"`
		LastError  string         `json:"last_error"`
		Count      int            `json:"count"`
		Reasons    map[string]int `json:"reasons"`
		Deliveries []string       `json:"deliveries"`
	} `json:"data"`
}

// pager is an operator's server: it verifies what it gets as any receiver of
// standard webhooks does, and keeps each message once.
type pager struct {
	*httptest.Server
	secret string

	mu  sync.Mutex
	got map[string]alert // by the message's id
	bad []string
}

// newPager makes it, with an endpoint.
func newPager(t *testing.T, s *server) *pager {
	t.Helper()
	p := &pager{got: map[string]alert{}}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	made, err := s.CreateEndpoint(t.Context(), client.EndpointSpec{Publisher: postback.Operator, Scheme: postback.OperatorScheme, EndpointSettings: postback.EndpointSettings{URL: p.URL + "/hook"}})
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.secret = made.Secret
	return p
}

func (p *pager) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	scheme, err := signer.Lookup(postback.OperatorScheme)
	if err == nil {
		err = scheme.Verify(signer.ReceivedFrom(request, p.URL, body), []string{p.secret}, time.Now())
	}
	var one alert
	if err == nil {
		err = json.Unmarshal(body, &one)
	}
	if err != nil {
		p.bad = append(p.bad, err.Error())
		w.WriteHeader(http.StatusForbidden)
		return
	}
	p.got[request.Header.Get("Webhook-Id")] = one
}

// all are the events of a type.
func (p *pager) all(eventType string) []alert {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []alert
	for one := range maps.Values(p.got) {
		if one.Type == eventType {
			found = append(found, one)
		}
	}
	return found
}

// first waits for the first event of a type.
func (p *pager) first(t *testing.T, eventType string) alert {
	t.Helper()
	eventually(t, time.Minute, eventType, func() bool { return len(p.all(eventType)) > 0 })
	return p.all(eventType)[0]
}

// expect checks how many of each type came, and that nothing else did.
func (p *pager) expect(t *testing.T, want map[string]int) {
	t.Helper()
	for _, eventType := range postback.NoticeTypes() {
		if got := len(p.all(eventType)); got != want[eventType] {
			t.Errorf("the operator was alerted %d times of %s, want %d", got, eventType, want[eventType])
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.bad) > 0 {
		t.Errorf("the operator refused %v", p.bad)
	}
}

// breakable is a receiver that answers 500 until it is mended.
func breakable(t *testing.T) (r *receiver, mend func()) {
	t.Helper()
	r = newReceiver(t, "besitos")
	var mended atomic.Bool
	r.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if !mended.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		r.ServeHTTP(w, request)
	})
	return r, func() { mended.Store(true) }
}

// registered makes a receiver's endpoint.
func registered(t *testing.T, s *server, r *receiver, retry postback.RetryPolicy) client.Endpoint {
	t.Helper()
	made, err := s.CreateEndpoint(t.Context(), client.EndpointSpec{Publisher: "pub_1", Scheme: r.scheme, EndpointSettings: postback.EndpointSettings{URL: r.URL + "/postback", Retry: retry}})
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secrets = []string{made.Secret}
	return made.Endpoint
}

// counted is how many deliveries of an endpoint are in a state.
func counted(t *testing.T, s *server, endpointID string, state postback.State) int {
	t.Helper()
	page, err := s.ListDeliveries(t.Context(), client.DeliveryFilter{Endpoint: postback.Given(endpointID), States: []postback.State{state}}, client.PageRequest{Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	return len(page.Items)
}

// logged is how often processes logged a line.
func logged(line string, all ...*server) int {
	count := 0
	for _, s := range all {
		count += strings.Count(s.log.String(), line)
	}
	return count
}

// Guarantee: an operator is alerted once of an endpoint that keeps failing, of its
// dead letters, each counted once, and of its recovery, in signed webhooks,
// though the server is killed when an alert is due. No publisher's
// endpoint gets any of it.
func TestAlerts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, dir, "--alert-window", "1s")
	operator := newPager(t, s)
	failing, mend := breakable(t)
	endpoint := registered(t, s, failing, postback.RetryPolicy{StopOn: []int{http.StatusInternalServerError}})
	var p producer
	p.server.Store(s)
	transactions := p.produce(t.Context(), t, 40)
	eventually(t, soon, "dead letters", func() bool { return counted(t, s, endpoint.ID, postback.Dead) >= 10 })
	s.kill()
	s = start(t, dir, "--alert-window", "1s")
	p.server.Store(s)
	for i := range 40 { // enough to open the circuit, if it is not open
		transactions = append(transactions, fmt.Sprintf("again%02d", i))
		p.send(t.Context(), t, transactions[len(transactions)-1])
	}

	got := operator.first(t, postback.NoticeFailing)
	at, err := url.Parse(failing.URL)
	if err != nil {
		t.Fatal(err)
	}
	if got.Data.EndpointID != endpoint.ID || got.Data.Publisher != "pub_1" || got.Data.Host != at.Host ||
		got.Data.Failures < 10 || got.Data.LastError != "status_not_200" || time.Since(got.Timestamp) > time.Hour {
		t.Errorf("the operator was alerted of %+v", got)
	}
	dead := func() (count int) {
		for _, one := range operator.all(postback.NoticeDead) {
			if count += one.Data.Count; one.Data.Reasons["stopped"] != one.Data.Count || len(one.Data.Deliveries) == 0 {
				t.Errorf("the operator was alerted of %+v", one)
			}
		}
		return count
	}
	// A probe may still fail, and make the next dead letter.
	eventually(t, time.Minute, "the operator to be alerted of every dead letter", func() bool {
		return dead() > 0 && dead() == counted(t, s, endpoint.ID, postback.Dead)
	})
	p.send(t.Context(), t, "probe") // there is one to send, however many are dead
	mend()
	if got := operator.first(t, postback.NoticeRecovered); got.Data.EndpointID != endpoint.ID || got.Data.State != "enabled" {
		t.Errorf("the operator was alerted of %+v", got)
	}
	ended := settled(t, s, time.Minute)
	eventually(t, time.Minute, "the operator to be alerted of the last dead letter", func() bool {
		return dead() == counted(t, s, endpoint.ID, postback.Dead)
	})
	if died := dead(); died+len(failing.all()) != len(transactions)+1 {
		t.Errorf("%d were delivered and %d died of %d: %v", len(failing.all()), died, len(transactions)+1, ended)
	}
	operator.expect(t, map[string]int{
		postback.NoticeFailing: 1, postback.NoticeRecovered: 1, postback.NoticeDead: len(operator.all(postback.NoticeDead)),
	})
	if refused := failing.refusals(); len(refused) > 0 {
		t.Errorf("the publisher refused %v", refused)
	}
	for _, forged := range []client.Event{
		{Type: "endpoint.disabled", Publisher: postback.Operator, Data: json.RawMessage(`{}`)},
		{Type: "conversion.completed", Publisher: postback.Operator, Data: json.RawMessage(`{}`)},
	} {
		if _, err := s.SendEvent(t.Context(), forged); err == nil {
			t.Errorf("%+v was accepted", forged)
		}
	}
}

// all are the transactions that came.
func (r *receiver) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.got))
}

// Guarantee: an endpoint that keeps failing is disabled, by one of several
// processes for all of them and reported once; its deliveries wait; and when somebody
// enables it they are delivered, and it is not disabled again for what was before.
func TestAnEndpointThatOnlyFailsIsDisabledUntilItIsEnabled(t *testing.T) {
	t.Parallel()
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	f := newFleet(t)
	limit := []string{"--disable-after", "3s", "--disable-failures", "11"}
	s := f.start("api", limit...)
	processes := []*server{s, f.start("worker", limit...), f.start("worker", limit...)}
	operator := newPager(t, s)
	failing, mend := breakable(t)
	endpoint := registered(t, s, failing, postback.RetryPolicy{Schedule: slices.Repeat([]postback.Duration{second}, 50)})
	var p producer
	p.server.Store(s)
	transactions := p.produce(t.Context(), t, 40)

	got := operator.first(t, postback.NoticeDisabled)
	if got.Data.EndpointID != endpoint.ID || got.Data.State != "disabled" || got.Data.Reason != "failing" || got.Data.Failures < 11 {
		t.Errorf("the operator was alerted of %+v", got)
	}
	eventually(t, time.Minute, "all deliveries to wait", func() bool {
		return counted(t, s, endpoint.ID, postback.Parked) == len(transactions)
	})
	if now, err := s.GetEndpoint(t.Context(), endpoint.ID); err != nil || now.State != postback.EndpointDisabled || now.DisabledReason != "failing" {
		t.Errorf("the endpoint is %s %q, %v", now.State, now.DisabledReason, err)
	}
	eventually(t, soon, "every process to see one that is disabled", func() bool {
		return !slices.ContainsFunc(processes, func(s *server) bool {
			return s.scraped(t, `waybill_endpoints{[^}]*state="disabled"[^}]*}`) != "1"
		})
	})

	mend()
	if _, err := s.EnableEndpoint(t.Context(), endpoint.ID); err != nil {
		t.Fatal(err)
	}
	failing.waitFor(t, len(transactions), time.Minute)
	settled(t, s, time.Minute)
	if missing := failing.missing(transactions); len(missing) > 0 {
		t.Errorf("%v never came", missing)
	}
	if now, err := s.GetEndpoint(t.Context(), endpoint.ID); err != nil || now.State != postback.EndpointEnabled {
		t.Errorf("the endpoint is %s, %v", now.State, err)
	}
	operator.expect(t, map[string]int{
		postback.NoticeFailing: len(operator.all(postback.NoticeFailing)), postback.NoticeRecovered: len(operator.all(postback.NoticeRecovered)),
		postback.NoticeDisabled: 1,
	})
	alerts := func() (sum int) {
		for _, one := range processes {
			value, _ := strconv.Atoi(one.scraped(t, `waybill_alerts_total{[^}]*type="endpoint.disabled"[^}]*}`))
			sum += value
		}
		return sum
	}
	eventually(t, soon, "a process to count its alerts", func() bool { return alerts() > 0 })
	if lines, counts := logged("endpoint disabled, deliveries wait", processes...), alerts(); lines != 1 || counts != 1 {
		t.Errorf("it was logged %d times, and counted %d times", lines, counts)
	}
}
