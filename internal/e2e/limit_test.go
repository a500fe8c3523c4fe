package e2e_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// arrivals is a receiver that notes what came when, in the order in which it
// came.
type arrivals struct {
	counting

	mu    sync.Mutex
	names []string
	times []time.Time
}

func (a *arrivals) around(next http.Handler) http.Handler {
	return a.counting.around(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		a.names = append(a.names, r.URL.Query().Get("tx"))
		a.times = append(a.times, time.Now())
		a.mu.Unlock()
		next.ServeHTTP(w, r)
	}))
}

func (a *arrivals) seen() ([]string, []time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.names), slices.Clone(a.times)
}

// several sends so many events in one call, so that they are accepted in order.
func (s *server) several(t *testing.T, from, count int) []string {
	t.Helper()
	var events []client.Event
	var names []string
	for i := range count {
		names = append(names, fmt.Sprintf("t%06d", from+i))
		events = append(events, event(names[i]))
	}
	eventually(t, soon, "the events to be accepted", func() bool {
		results, err := s.SendBatch(t.Context(), events)
		if err != nil {
			t.Logf("not yet: %v", err) // nothing was accepted: sending all of it again is right
			return false
		}
		return len(results) == count
	})
	return names
}

// inState counts deliveries.
func (s *server) inState(t *testing.T, states ...postback.State) int {
	t.Helper()
	count := 0
	for _, err := range s.Deliveries(t.Context(), client.DeliveryFilter{States: states}) {
		if err != nil {
			t.Fatal(err)
		}
		count++
	}
	return count
}

// expectOrder checks that what came is what was accepted, once each, and in the
// order of acceptance, as far as so many being due at once allows.
func expectOrder(t *testing.T, came, accepted []string, due int) {
	t.Helper()
	if len(came) != len(accepted) {
		t.Errorf("%d came of %d", len(came), len(accepted))
	}
	for place, name := range came {
		want := slices.Index(accepted, name)
		if want < 0 || slices.Contains(came[:place], name) {
			t.Fatalf("%s came and was not accepted, or came twice", name)
		}
		if want-place >= due {
			t.Errorf("%s came as number %d and was accepted as number %d, with at most %d due at once", name, place, want, due)
		}
	}
}

// Guarantee: however many processes send, an endpoint gets no more than its rate
// limit allows, and the whole of it; each event once, the oldest first.
func TestARateLimitHoldsOverProcesses(t *testing.T) {
	t.Parallel()
	const events, burst, rate = 250, 20, 50.0
	f := newFleet(t)
	api := f.start("api")
	r, came := newReceiver(t, "besitos"), &arrivals{}
	r.Config.Handler = came.around(r)
	register(t, api, r)
	endpoint := onlyEndpoint(t, api)
	limit := &postback.RateLimit{PerSecond: rate, Burst: burst}
	if _, err := api.UpdateEndpoint(t.Context(), endpoint, postback.EndpointPatch{"rate_limit": limit}); err != nil {
		t.Fatal(err)
	}
	if _, err := api.PauseEndpoint(t.Context(), endpoint); err != nil {
		t.Fatal(err)
	}
	accepted := api.several(t, 0, events)
	workers := []*server{f.start("worker"), f.start("worker")} // they know the endpoint from their start
	began := time.Now()
	if _, err := api.ResumeEndpoint(t.Context(), endpoint); err != nil {
		t.Fatal(err)
	}
	checkAllDelivered(t, api, r, accepted, 2*time.Minute)
	names, times := came.seen()
	expectOrder(t, names, accepted, atOnce+128)
	for i, at := range times {
		if most := burst + rate*at.Sub(began).Seconds(); float64(i+1) > most {
			t.Fatalf("%d requests within %s, the limit allows %g", i+1, at.Sub(began), most)
		}
	}
	for i, worker := range workers {
		t.Logf("worker %d made %d attempts", i, strings.Count(worker.log.String(), "msg=attempt"))
	}
	t.Logf("%d took %s, of which the limit explains %gs", events, times[events-1].Sub(began), (events-burst)/rate)
}

// Guarantee: once a pause has reached the processes nothing is sent; after the
// end of it everything is, the oldest first, with no more under way than the
// endpoint's cap allows in each process.
func TestAPauseHoldsOverProcesses(t *testing.T) {
	t.Parallel()
	const events, places = 300, 3
	f := newFleet(t)
	api := f.start("api")
	r, came := newReceiver(t, "besitos"), &arrivals{}
	r.Config.Handler = came.around(r)
	register(t, api, r)
	endpoint := onlyEndpoint(t, api)
	if _, err := api.UpdateEndpoint(t.Context(), endpoint, postback.EndpointPatch{"max_in_flight": places}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		f.start("worker")
	}
	accepted := api.several(t, 0, events)
	r.waitFor(t, 1, soon)
	if _, err := api.PauseEndpoint(t.Context(), endpoint); err != nil {
		t.Fatal(err)
	}
	<-time.After(2 * everywhere) // nothing tells from outside that a worker knows
	eventually(t, soon, "nothing to be under way", func() bool { return api.inState(t, postback.Pending, postback.Retrying) == 0 })
	before, _ := came.seen()
	waiting := api.inState(t, postback.Parked)
	later := api.several(t, events, events)
	<-time.After(time.Second) // ten looks at what is parked
	if names, _ := came.seen(); len(names) != len(before) {
		t.Errorf("%d requests while the endpoint is paused", len(names)-len(before))
	}
	if parked := api.inState(t, postback.Parked); parked != waiting+events {
		t.Errorf("%d deliveries are parked, want %d", parked, waiting+events)
	}

	if _, err := api.ResumeEndpoint(t.Context(), endpoint); err != nil {
		t.Fatal(err)
	}
	checkAllDelivered(t, api, r, append(accepted, later...), 2*time.Minute)
	names, _ := came.seen()
	expectOrder(t, names[len(before):], append(slices.DeleteFunc(accepted, func(name string) bool { return slices.Contains(before, name) }), later...), places+128)
	if most := came.most.Load(); most > 2*places {
		t.Errorf("%d requests were under way at once, want %d for each of two processes at most", most, places)
	}
}
