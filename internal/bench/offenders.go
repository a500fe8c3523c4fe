package bench

import (
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waybillhq/waybill/internal/listen"
)

// maxHeld bounds the requests that hang at once. An engine with more slots
// than that for one endpoint has the rest refused.
const maxHeld = 8192

// offender is an endpoint that misbehaves, and what it saw.
type offender struct {
	name     string // the path of its URL
	requests atomic.Int64
	underWay atomic.Int64
	most     atomic.Int64 // under way at once, since it was asked last
}

func (o *offender) enter() int64 {
	o.requests.Add(1)
	now := o.underWay.Add(1)
	for {
		most := o.most.Load()
		if now <= most || o.most.CompareAndSwap(most, now) {
			return now
		}
	}
}

func (o *offender) leave() { o.underWay.Add(-1) }

// offenders receive on an address of their own: a publisher's server that hangs
// is not that of the others.
type offenders struct {
	hangs, fails, slow, drips offender
	takes                     offender      // answers at once
	delay                     time.Duration // of the slow one

	url    string
	server *listen.Server
	mercy  atomic.Bool // the next request that would hang is answered
	well   atomic.Bool // all that would hang are answered

	mu   sync.Mutex
	held chan struct{} // closed when those that hang are released
}

func newOffenders(delay time.Duration) *offenders {
	return &offenders{
		hangs: offender{name: "hangs"}, fails: offender{name: "fails"}, slow: offender{name: "slow"}, drips: offender{name: "drips"},
		takes: offender{name: "takes"},
		delay: delay, held: make(chan struct{}),
	}
}

// open starts the receiver on a free loopback port.
func (o *offenders) open(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("/"+o.hangs.name, o.hang)
	mux.HandleFunc("/"+o.fails.name, o.fail)
	mux.HandleFunc("/"+o.slow.name, o.dawdle)
	mux.HandleFunc("/"+o.drips.name, o.dribble)
	mux.HandleFunc("/"+o.takes.name, o.take)
	var err error
	if o.server, err = openReceiver(ctx, mux); err != nil {
		return err
	}
	o.url = o.server.URL()
	return nil
}

// close stops the receiver and waits for its end.
func (o *offenders) close(ctx context.Context) error { return closeReceiver(ctx, o.server) }

// hang holds a request until its client gives up, or all are released.
func (o *offenders) hang(w http.ResponseWriter, request *http.Request) {
	defer o.hangs.leave()
	under := o.hangs.enter()
	if o.mercy.CompareAndSwap(true, false) || o.well.Load() {
		return
	}
	if !swallow(w, request) || under > maxHeld {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	select {
	case <-request.Context().Done():
	case <-o.gate():
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// swallow reads the body, without which the server does not notice that a
// client gave up.
func swallow(w http.ResponseWriter, request *http.Request) bool {
	_, err := io.Copy(io.Discard, http.MaxBytesReader(w, request.Body, maxBody))
	return err == nil
}

func (o *offenders) gate() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.held
}

// release answers all that hang. Later ones hang again.
func (o *offenders) release() {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.held)
	o.held = make(chan struct{})
}

func (o *offenders) fail(w http.ResponseWriter, _ *http.Request) {
	o.fails.enter()
	defer o.fails.leave()
	w.WriteHeader(http.StatusServiceUnavailable)
}

func (o *offenders) dawdle(_ http.ResponseWriter, request *http.Request) {
	o.slow.enter()
	defer o.slow.leave()
	pause(request.Context(), o.delay)
}

func (o *offenders) take(http.ResponseWriter, *http.Request) {
	o.takes.enter()
	o.takes.leave()
}

// seen is what an offender saw since it was asked last.
type seen struct{ requests, most int64 }

func (o *offender) seen() seen {
	return seen{requests: o.requests.Swap(0), most: o.most.Swap(o.underWay.Load())}
}
