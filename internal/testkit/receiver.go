package testkit

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

// Request is what a receiver got.
type Request struct {
	Method string
	URL    string // absolute, as it was in the request line
	Header http.Header
	Body   []byte
}

// Receiver is a publisher's HTTP server on loopback. It records what it gets
// before it answers.
type Receiver struct {
	URL string // without a path

	mu       sync.Mutex
	requests []Request
	answer   http.HandlerFunc
}

// NewReceiver starts a receiver that answers 200.
func NewReceiver(t testing.TB) *Receiver {
	t.Helper()
	r := &Receiver{answer: Status(http.StatusOK)}
	server := httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(server.Close)
	r.URL = server.URL
	return r
}

// Status answers with a status code and nothing else.
func Status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// Answer changes how the receiver answers from now on.
func (r *Receiver) Answer(handler http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = handler
}

// Requests are what came so far, in order.
func (r *Receiver) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}

func (r *Receiver) serve(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		http.Error(w, "the body broke off", http.StatusBadRequest)
		return
	}
	request.Body = io.NopCloser(bytes.NewReader(body))
	r.record(Request{
		Method: request.Method, URL: "http://" + request.Host + request.RequestURI,
		Header: request.Header.Clone(), Body: body,
	})(w, request)
}

func (r *Receiver) record(request Request) http.HandlerFunc {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, request)
	return r.answer
}
