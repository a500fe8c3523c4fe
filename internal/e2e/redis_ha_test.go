package e2e_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/testkit"
)

// Guarantee: the master dies with events being accepted and delivered; the
// replica takes its place, and the same server delivers everything.
func TestSentinelFailoverLosesNothing(t *testing.T) {
	t.Parallel()
	redis := testkit.StartSentinel(t)
	dir := t.TempDir()
	deliversAll(t, dir, redis.URL(), func() { redis.KillMaster() })

	_, said := refuses(t, "doctor", "--data-dir", dir, "--redis", redis.URL())
	for _, want := range []string{"found through Sentinel", "redis persistence", "redis replicas"} {
		if !strings.Contains(said, want) {
			t.Errorf("the doctor does not say %q:\n%s", want, said)
		}
	}
}

func TestClusterDeliversAll(t *testing.T) {
	t.Parallel()
	deliversAll(t, t.TempDir(), testkit.StartCluster(t).URL(), func() {})
}

// Guarantee: one master of a Cluster dies, and its replica takes its place.
func TestClusterFailoverLosesNothing(t *testing.T) {
	t.Parallel()
	redis := testkit.StartCluster(t)
	redis.AddReplica(2)
	deliversAll(t, t.TempDir(), redis.URL(), func() { redis.Kill(2) })
}

// deliversAll sends 1,000 events through one server, with an accident in the
// middle.
func deliversAll(t *testing.T, dir, url string, accident func()) {
	t.Helper()
	const events, inFlight = 1000, 64
	r := newReceiver(t, "bitlabs")
	w := &watch{}
	r.Config.Handler = w.over(r)
	s := start(t, dir, "--redis", url, "--deliver-concurrency", "64", "--retry-concurrency", "16")
	if log := s.log.String(); !strings.Contains(log, "appendonly is off") || !strings.Contains(log, "redis.conf") {
		t.Errorf("the start does not warn of a Redis that keeps nothing:\n%s", log)
	}
	register(t, s, r, second, second)
	var p producer
	p.server.Store(s)
	produced := make(chan []string, 1)
	go func() { produced <- p.produce(t.Context(), t, events) }()
	r.waitFor(t, events/3, time.Minute)
	accident()
	checkAllDelivered(t, s, r, <-produced, time.Minute)
	t.Logf("no request for %s", w.longest().Round(time.Millisecond))
	if different, all := r.seen(); all-different > 2*inFlight {
		t.Errorf("%d repeats with at most %d under way", all-different, inFlight)
	}
	if log := s.log.String(); strings.Contains(log, "pool.go") || strings.Contains(log, "sentinel.go") {
		t.Errorf("the Redis client prints past the log:\n%s", log)
	}
}

// watch measures for how long no request came.
type watch struct {
	mu   sync.Mutex
	last time.Time
	gap  time.Duration
}

func (w *watch) over(next http.Handler) http.Handler {
	return http.HandlerFunc(func(writer http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		if now := time.Now(); w.last.IsZero() {
			w.last = now
		} else {
			w.gap, w.last = max(w.gap, now.Sub(w.last)), now
		}
		w.mu.Unlock()
		next.ServeHTTP(writer, r)
	})
}

func (w *watch) longest() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.gap
}
