package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waybillhq/waybill/client"
)

// everywhere is how long a change may take to reach every process.
const everywhere = 2 * time.Second

// Guarantee: what one process changes holds in all of them within two seconds.
func TestChangesReachEveryProcess(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	here, there := f.start("api"), f.start("api")
	worker := f.start("worker")
	r := newReceiver(t, "besitos")
	register(t, here, r)
	number := 0
	sent := func() []client.AcceptedDelivery {
		number++
		accepted, err := there.SendEvent(t.Context(), event(fmt.Sprintf("t%06d", number)))
		if err != nil {
			t.Fatal(err)
		}
		return accepted.Deliveries
	}
	eventually(t, everywhere, "the new endpoint to be known", func() bool { return len(sent()) == 1 })
	r.waitFor(t, 1, soon)

	endpoint := onlyEndpoint(t, there)
	if _, err := here.PauseEndpoint(t.Context(), endpoint); err != nil {
		t.Fatal(err)
	}
	eventually(t, everywhere, "the pause to be known", func() bool { return sent()[0].State == "parked" })
	if _, err := there.ResumeEndpoint(t.Context(), endpoint); err != nil {
		t.Fatal(err)
	}
	resumed := sent()[0]
	eventually(t, soon, "what was parked to be delivered", func() bool {
		delivery, err := here.GetDelivery(t.Context(), resumed.ID)
		return err == nil && delivery.State == "succeeded"
	})
	eventually(t, soon, "the worker's attempts to be seen", func() bool {
		health, err := here.EndpointHealth(t.Context(), endpoint, "")
		return err == nil && health.Traffic.Attempts > 1 && health.Traffic.Succeeded == health.Traffic.Attempts
	})
	if err := here.DeleteEndpoint(t.Context(), endpoint); err != nil {
		t.Fatal(err)
	}
	eventually(t, everywhere, "the end of the endpoint to be known", func() bool { return len(sent()) == 0 })

	checkKeysEverywhere(t, here, there)
	for _, s := range []*server{here, there, worker} {
		if code := s.stop(); code != 0 {
			t.Errorf("exit code %d after SIGTERM:\n%s", code, s.log)
		}
	}
}

func onlyEndpoint(t *testing.T, s *server) string {
	t.Helper()
	for endpoint, err := range s.Endpoints(t.Context(), client.EndpointFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		return endpoint.ID
	}
	t.Fatal("there is no endpoint")
	return ""
}

// checkKeysEverywhere checks that a new key works at once and a revoked one
// stops working in time, in another process.
func checkKeysEverywhere(t *testing.T, here, there *server) {
	t.Helper()
	made, err := here.CreateKey(t.Context(), client.KeySpec{Name: "a producer", Role: "producer"})
	if err != nil {
		t.Fatal(err)
	}
	producer, err := client.New(there.url, made.Token)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(producer.Close)
	send := func() error {
		_, err := producer.SendEvent(t.Context(), event("with-a-key"))
		return err
	}
	if err := send(); err != nil {
		t.Fatalf("a new key: %v", err)
	}
	if err := here.RevokeKey(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, everywhere, "the revoked key to stop working", func() bool { return send() != nil })
}

// Two first starts at once make one keyring and one admin key; a process on
// another machine needs the same keyring, and makes no key.
func TestFirstStartsAgree(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	both := []*server{f.launch("api", f.dir), f.launch("api", f.dir)}
	for _, s := range both {
		f.settle(s)
		if keys, err := s.ListKeys(t.Context()); err != nil || len(keys) != 1 {
			t.Errorf("there are %d admin keys, %v, want 1", len(keys), err)
		}
	}
	keyring, err := os.ReadFile(filepath.Join(f.dir, "keyring"))
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := func(role, keyring string) (int, string) {
		dir := t.TempDir()
		if keyring != "" {
			if err := os.WriteFile(filepath.Join(dir, "keyring"), []byte(keyring), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return refuses(t, append([]string{role, "--listen", "127.0.0.1:0", "--data-dir", dir}, f.places()...)...)
	}
	for _, role := range []string{"api", "worker", "serve"} {
		code, said := elsewhere(role, "")
		wantRefusal(t, code, said, "keyring", "copy it from where another process runs")
		code, said = elsewhere(role, "1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n")
		wantRefusal(t, code, said, "key 1 of this keyring", "same keyring")
	}

	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "keyring"), keyring, 0o600); err != nil {
		t.Fatal(err)
	}
	f.settle(f.launch("api", other))
	if _, err := os.Stat(filepath.Join(other, "admin.key")); !os.IsNotExist(err) {
		t.Errorf("a second admin key was written: %v", err)
	}
}

// A worker may not be the first: it would make a keyring that the API lacks.
func TestAWorkerMakesNoKeyring(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	dir := t.TempDir()
	code, said := refuses(t, append([]string{"worker", "--data-dir", dir}, f.places()...)...)
	wantRefusal(t, code, said, "keyring not found", "start the API first")
	if _, err := os.Stat(filepath.Join(dir, "keyring")); !os.IsNotExist(err) {
		t.Errorf("a keyring was made: %v", err)
	}
}

func get(ctx context.Context, url string) int {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}

// Health checks say when a process should get no work: an API without its
// ledger, a worker also without Redis, and each that stops.
func TestReadiness(t *testing.T) {
	t.Parallel()
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	f := newFleet(t)
	api, worker := f.start("api", "--drain-delay", "3s"), f.start("worker")
	ready := func(s *server) int { return get(t.Context(), s.health+"/readyz") }
	becomes := func(s *server, what string, want int) {
		t.Helper()
		eventually(t, soon, what, func() bool { return ready(s) == want })
	}
	becomes(api, "the API to be ready", 200)
	becomes(worker, "the worker to be ready", 200)
	for _, path := range []string{"/metrics", "/healthz"} {
		if got := get(t.Context(), worker.health+path); got != 200 {
			t.Errorf("%s answers %d", path, got)
		}
	}
	f.redis.Stop()
	becomes(worker, "the worker to miss Redis", 503)
	if got := ready(api); got != 200 {
		t.Errorf("an API without Redis answers %d", got)
	}
	f.redis.Start()
	becomes(worker, "the worker to be ready again", 200)
	f.postgres.Stop()
	becomes(worker, "the worker to miss its ledger", 503)
	becomes(api, "the API to miss its ledger", 503)
	if code, said := refuses(t, "health", "--server", api.health); code != 1 {
		t.Errorf("waybill health exits %d: %s", code, said)
	}
	if got := get(t.Context(), api.health+"/healthz"); got != 200 {
		t.Errorf("an API without its ledger is alive with %d", got)
	}
	f.postgres.Start()
	becomes(worker, "the worker to be ready again", 200)
	becomes(api, "the API to be ready again", 200)
	if code, said := refuses(t, "health", "--server", api.health); code != 0 {
		t.Errorf("waybill health exits %d: %s", code, said)
	}

	stopped := make(chan int, 1)
	go func() { stopped <- api.stop() }()
	becomes(api, "the API to say that it stops", 503)
	if err := api.Health(t.Context()); err != nil {
		t.Errorf("an API that is about to stop does not answer: %v", err)
	}
	if code := <-stopped; code != 0 {
		t.Errorf("exit code %d:\n%s", code, api.log)
	}
}

// spread is a producer's view of several APIs: it takes turns.
type spread struct {
	apis []atomic.Pointer[server]
	turn atomic.Int64
}

func (s *spread) next() *server {
	return s.apis[int(s.turn.Add(1))%len(s.apis)].Load()
}

// Guarantee: every process can be restarted under load, by SIGTERM or kill -9,
// and nothing is lost.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	// Eight connections produce, and the receiver answers at once.
	const events, underWay = 3000, 16
	f := newFleet(t)
	r := newReceiver(t, "bitlabs")
	roles := []string{"api", "api", "worker", "worker"}
	running := make([]*server, len(roles))
	for i, role := range roles {
		running[i] = f.start(role)
		if i == 0 { // the others know the endpoint from their start
			register(t, running[0], r, second, second, second)
		}
	}
	apis := &spread{apis: make([]atomic.Pointer[server], 2)}
	apis.apis[0].Store(running[0])
	apis.apis[1].Store(running[1])
	var p producer
	p.choose = apis.next
	produced := make(chan []string, 1)
	go func() { produced <- p.produce(t.Context(), t, events) }()
	restart := func(i int, end func(*server)) {
		end(running[i])
		running[i] = f.start(roles[i])
		if i < 2 {
			apis.apis[i].Store(running[i])
		}
	}
	turns := int64(2*len(roles) + 1)
	for turn := range 2 * len(roles) {
		p.waitAccepted(t, int64(turn+1)*events/turns)
		restart(turn%len(roles), func(s *server) {
			if turn >= len(roles) {
				s.kill()
			} else if code := s.stop(); code != 0 {
				t.Errorf("exit code %d after SIGTERM:\n%s", code, s.log)
			}
		})
	}
	checkAllDelivered(t, running[0], r, <-produced, 2*time.Minute)
	if different, all := r.seen(); all-different > underWay*len(roles) {
		t.Errorf("%d repeats for %d kills: more than was under way", all-different, len(roles))
	}
}

// Guarantee: a server outlives who reads what it prints: a log collector that restarts,
// a script that has seen enough.
func TestAServerOutlivesWhoReadsItsLog(t *testing.T) {
	t.Parallel()
	reader, log, err := os.Pipe()
	if err := errors.Join(err, reader.Close()); err != nil {
		t.Fatal(err)
	}
	s := startBy(t, t.TempDir(), func(command *exec.Cmd) { command.Stderr = log }, "--log-level", "debug")
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ListEndpoints(t.Context(), client.EndpointFilter{}, client.PageRequest{}); err != nil {
		t.Error(err)
	}
	if code := s.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
