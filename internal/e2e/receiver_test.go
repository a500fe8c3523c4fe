package e2e_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/waybillhq/waybill/signer"
)

// receiver is a publisher's server that verifies what it gets and counts it by
// transaction.
type receiver struct {
	*httptest.Server
	scheme string

	mu      sync.Mutex
	secrets []string
	status  func(transaction string, times int) int // times counts from 1
	got     map[string]int
	bad     []string
	change  chan struct{} // closed and renewed at each request
}

func newReceiver(t *testing.T, scheme string) *receiver {
	t.Helper()
	r := &receiver{scheme: scheme, got: map[string]int{}, change: make(chan struct{})}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	received := signer.ReceivedFrom(request, r.URL, body)
	transaction := request.URL.Query().Get("tx")
	r.mu.Lock()
	defer r.mu.Unlock()
	status := http.StatusOK
	if err := r.verify(received); err != nil {
		r.bad = append(r.bad, received.URL+": "+err.Error())
		status = http.StatusForbidden
	} else {
		r.got[transaction]++
		if r.status != nil {
			status = r.status(transaction, r.got[transaction])
		}
	}
	close(r.change)
	r.change = make(chan struct{})
	w.WriteHeader(status)
}

// verify checks a request against every secret that the receiver knows.
func (r *receiver) verify(received signer.Received) error {
	scheme, err := signer.Lookup(r.scheme)
	if err != nil {
		return err
	}
	return scheme.Verify(received, r.secrets, time.Now())
}

// seen is how many different transactions came, and how many requests in all.
func (r *receiver) seen() (different, all int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, times := range r.got {
		all += times
	}
	return len(r.got), all
}

// waitFor waits until so many different transactions have come.
func (r *receiver) waitFor(t *testing.T, transactions int, patience time.Duration) {
	t.Helper()
	deadline := time.After(patience)
	for {
		r.mu.Lock()
		change := r.change
		r.mu.Unlock()
		if different, _ := r.seen(); different >= transactions {
			return
		}
		select {
		case <-change:
		case <-deadline:
			different, all := r.seen()
			t.Fatalf("%d of %d transactions came within %s (%d requests)", different, transactions, patience, all)
		}
	}
}

// missing lists the transactions that never came.
func (r *receiver) missing(wanted []string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var missing []string
	for _, transaction := range wanted {
		if r.got[transaction] == 0 {
			missing = append(missing, transaction)
		}
	}
	return missing
}

func (r *receiver) refusals() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.bad...)
}
