package e2e_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// counting is a receiver that counts the requests under way, and answers what it
// is told to.
type counting struct {
	under, most, all atomic.Int64
}

func (c *counting) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.all.Add(1)
		now := c.under.Add(1)
		defer c.under.Add(-1)
		for most := c.most.Load(); now > most && !c.most.CompareAndSwap(most, now); most = c.most.Load() {
			continue
		}
		next.ServeHTTP(w, r)
	})
}

// Guarantee: one bad endpoint never delays another. Each event goes to three
// endpoints: one hangs, one fails, one is well. The last one gets all of them at
// once; the others, when they are well again, get what waited for them.
func TestABadEndpointDelaysNoOther(t *testing.T) {
	t.Parallel()
	const events = 400
	s := start(t, t.TempDir())
	hanging, failing, well := newReceiver(t, "besitos"), newReceiver(t, "besitos"), newReceiver(t, "besitos")
	hold, hangs, fails := make(chan struct{}), &counting{}, &counting{}
	hanging.Config.Handler = hangs.around(holding(hold, hanging))
	var broken atomic.Bool
	broken.Store(true)
	failing.Config.Handler = fails.around(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if broken.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		failing.ServeHTTP(w, r)
	}))
	often := make([]postback.Duration, 50)
	for i := range often {
		often[i] = second
	}
	register(t, s, hanging)
	register(t, s, failing, often...)
	register(t, s, well)

	var p producer
	p.server.Store(s)
	began := time.Now()
	transactions := p.produce(t.Context(), t, events)
	accepted := time.Since(began)
	well.waitFor(t, events, soon)
	t.Logf("%d events were accepted in %s, and delivered %s later", events, accepted, time.Since(began)-accepted)
	if late := time.Since(began) - accepted; late > 5*time.Second {
		t.Errorf("the endpoint that is well got its last event %s after it was accepted", late)
	}
	if most := hangs.most.Load(); most != atOnce || hangs.all.Load() != atOnce {
		t.Errorf("the endpoint that hangs has %d requests under way, and got %d", most, hangs.all.Load())
	}
	eventually(t, soon, "the circuit to open", func() bool {
		return strings.Contains(s.log.String(), "endpoint failing, deliveries wait")
	})
	if all := fails.all.Load(); all > 2*events {
		t.Errorf("the endpoint that fails got %d requests", all)
	}

	close(hold)
	hanging.waitFor(t, events, soon)
	broken.Store(false)
	resumed := s.resume(t, failing.URL)
	failing.waitFor(t, events, soon)
	t.Logf("the endpoint that had failed got all %s after it was resumed", time.Since(resumed))
	for _, r := range []*receiver{hanging, failing, well} {
		if missing, refused := r.missing(transactions), r.refusals(); len(missing) > 0 || len(refused) > 0 {
			t.Errorf("%d are missing, %d were refused", len(missing), len(refused))
		}
	}
	eventually(t, soon, "the circuit to close", func() bool { return strings.Contains(s.log.String(), "endpoint recovered") })
}

// resume pauses and resumes the endpoint at a URL, as an operator does who has
// mended it.
func (s *server) resume(t *testing.T, url string) time.Time {
	t.Helper()
	page, err := s.ListEndpoints(t.Context(), client.EndpointFilter{}, client.PageRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, endpoint := range page.Items {
		if endpoint.URL != url+"/postback" {
			continue
		}
		if _, err := s.PauseEndpoint(t.Context(), endpoint.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.ResumeEndpoint(t.Context(), endpoint.ID); err != nil {
			t.Fatal(err)
		}
		return time.Now()
	}
	t.Fatalf("no endpoint is at %s", url)
	return time.Time{}
}
