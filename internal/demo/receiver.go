package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/waybillhq/waybill/internal/listen"
	"github.com/waybillhq/waybill/signer"
)

// maxBody bounds what a receiver reads of a request.
const maxBody = 64 << 10

// receiver is a publisher's server: it verifies each request in its scheme and
// answers 200 only when the signature is valid and nothing else is wrong with it.
type receiver struct {
	part

	book   *book
	url    string // its origin
	server *listen.Server

	mu       sync.Mutex
	endpoint string // the id that the API gave
	secret   string
	previous string // before a rotation
	failures int    // how many requests it still answers 500
	down     bool   // answers 503

	// What tests break; nil is sound.
	mishear func(secret string) string // uses another secret than it is given
	lie     func(receipt) int          // answers another status than it notes
}

// open starts the receiver on a free port.
func (r *receiver) open(ctx context.Context) error {
	var err error
	if r.server, err = listen.Open(ctx, listen.Options{Address: "127.0.0.1:0", Handler: r, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		return fmt.Errorf("open receiver %s: %w", r.name, err)
	}
	r.url = r.server.URL()
	return nil
}

// close stops the receiver and waits for its end.
func (r *receiver) close(ctx context.Context) error {
	if err := r.server.Stop(context.WithoutCancel(ctx), 0); err != nil {
		return fmt.Errorf("close receiver %s: %w", r.name, err)
	}
	return nil
}

// ServeHTTP receives one request.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, maxBody))
	if err != nil {
		http.Error(w, "unreadable", http.StatusBadRequest)
		return
	}
	entry := r.judge(signer.ReceivedFrom(request, "", body))
	entry.transaction, entry.messageID = r.identify(request, body)
	entry = r.book.enter(entry)
	status := entry.status
	if r.lie != nil {
		status = r.lie(entry)
	}
	w.WriteHeader(status)
	fmt.Fprintln(w, answerText(status))
}

// judge verifies the signature and decides on the answer.
func (r *receiver) judge(received signer.Received) receipt {
	r.mu.Lock()
	defer r.mu.Unlock()
	entry := receipt{at: time.Now(), receiver: r.name, rotated: r.previous != ""}
	entry.signature = signer.Verify(r.scheme, received, r.secret)
	if entry.rotated {
		entry.oldSecret = signer.Verify(r.scheme, received, r.previous)
	}
	switch {
	case entry.signature != nil:
		entry.status = http.StatusForbidden
	case r.down:
		entry.status = http.StatusServiceUnavailable
	case r.failures > 0:
		r.failures--
		entry.status = http.StatusInternalServerError
	default:
		entry.status = http.StatusOK
	}
	return entry
}

func answerText(status int) string {
	switch status {
	case http.StatusOK:
		return "accepted"
	case http.StatusForbidden:
		return "refused"
	case http.StatusServiceUnavailable:
		return "closed for repairs"
	default:
		return "out of order"
	}
}

// identify is what the publisher tells a repeated request by.
func (r *receiver) identify(request *http.Request, body []byte) (transaction, messageID string) {
	if r.parameter != "" {
		return request.URL.Query().Get(r.parameter), ""
	}
	var exchange struct {
		PublicID  string `json:"publicId"`
		MessageID string `json:"messageId"`
	}
	if err := json.Unmarshal(body, &exchange); err != nil {
		return "unreadable", ""
	}
	return exchange.PublicID, exchange.MessageID
}

// learn takes in the secret that the API showed once.
func (r *receiver) learn(endpoint, secret string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mishear != nil {
		secret = r.mishear(secret)
	}
	r.endpoint, r.previous, r.secret = endpoint, r.secret, secret
}

// mend ends whatever was wrong with the receiver.
func (r *receiver) mend() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down, r.failures = false, 0
}
