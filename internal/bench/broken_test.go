package bench_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/signer"
)

// broken is a process in the place of an engine: it delivers before it answers,
// and does one thing wrong with every fifth event for healthy endpoints.
type broken struct {
	fault string

	mu        sync.Mutex
	endpoints map[string]client.EndpointSpec // by publisher
	events    int                            // for healthy endpoints
	group     sync.WaitGroup
}

const brokenSecret = "a-secret-of-the-tests-0123456789"

// runBroken serves until ctx ends.
func runBroken(ctx context.Context, fault, dir string) error {
	if err := os.WriteFile(filepath.Join(dir, "admin.key"), []byte("key"), 0o600); err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	b := &broken{fault: fault, endpoints: map[string]client.EndpointSpec{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/endpoints", b.create)
	mux.HandleFunc("DELETE /v1/endpoints/{id}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /v1/deliveries", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"items":[]}`) })
	mux.HandleFunc("POST /v1/events", b.accept)
	server := httptest.NewServer(mux)
	defer server.Close()
	fmt.Fprintln(os.Stdout, "listens on "+server.URL)
	<-ctx.Done()
	b.group.Wait()
	return nil
}

// argument is what follows a flag.
func argument(arguments []string, flag string) string {
	for place := range arguments[:len(arguments)-1] {
		if arguments[place] == flag {
			return arguments[place+1]
		}
	}
	return ""
}

func (b *broken) create(w http.ResponseWriter, request *http.Request) {
	var spec client.EndpointSpec
	if err := json.NewDecoder(request.Body).Decode(&spec); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.endpoints[spec.Publisher] = spec
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"id":"ep_%d","secret":%q}`, len(b.endpoints), brokenSecret)
}

func (b *broken) accept(w http.ResponseWriter, request *http.Request) {
	var event client.Event
	if err := json.NewDecoder(request.Body).Decode(&event); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	target, healthy, wrong := b.look(event)
	if healthy {
		b.deliver(target, event, wrong)
	} else {
		b.group.Go(func() { b.deliver(target, event, false) }) // it may hang
	}
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprint(w, `{"id":"e","deliveries":[{"id":"d","endpoint_id":"ep_1","state":"pending"}]}`)
}

// look finds where an event goes, and whether something is to go wrong.
func (b *broken) look(event client.Event) (target string, healthy, wrong bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if healthy = strings.Contains(event.Publisher, "-pub-"); healthy {
		b.events++
	}
	return b.endpoints[event.Publisher].URL, healthy, healthy && b.events%5 == 0
}

func (b *broken) deliver(target string, event client.Event, wrong bool) {
	secret, times := brokenSecret, 1
	switch {
	case !wrong:
	case b.fault == "loses":
		times = 0
	case b.fault == "repeats":
		times = 2
	case b.fault == "forges":
		secret += "x"
	}
	for range times {
		if err := b.send(target, event, secret); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

func (b *broken) send(target string, event client.Event, secret string) error {
	scheme, err := signer.Lookup("besitos")
	if err != nil {
		return fmt.Errorf("find scheme: %w", err)
	}
	message := signer.Message{ID: strings.Repeat("0", 32), Type: event.Type, Data: event.Data}
	signed, err := scheme.Sign(signer.Target{URL: target}, message, []string{secret}, time.Now())
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, signed.Method, signed.URL, http.NoBody)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("send: %w", err)
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}
