package bench

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/waybillhq/waybill/internal/listen"
	"github.com/waybillhq/waybill/signer"
)

// maxBody bounds what the receiver reads of a request.
const maxBody = 64 << 10

// sink is the receiver of all endpoints: it notes when each event came, and
// does little else, so that the engine is what is measured.
type sink struct {
	dialect dialect
	naming  naming
	journal *journal
	delay   time.Duration
	verify  bool
	status  int

	url       string // its origin
	server    *listen.Server
	secrets   atomic.Pointer[[]string] // of the endpoints, in order
	strangers atomic.Int64             // requests that belong to no event of this run
	forged    atomic.Int64             // requests whose signature is invalid
}

// open starts the receiver on a free loopback port.
func (s *sink) open(ctx context.Context) error {
	var err error
	if s.server, err = openReceiver(ctx, s); err != nil {
		return err
	}
	s.url = s.server.URL()
	return nil
}

// openReceiver serves HTTP on a free loopback port.
func openReceiver(ctx context.Context, handler http.Handler) (*listen.Server, error) {
	opened, err := listen.Open(ctx, listen.Options{Address: "127.0.0.1:0", Handler: handler, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, fmt.Errorf("open receiver: %w", err)
	}
	return opened, nil
}

// close stops the receiver and waits for its end.
func (s *sink) close(ctx context.Context) error { return closeReceiver(ctx, s.server) }

func closeReceiver(ctx context.Context, server *listen.Server) error {
	if err := server.Stop(context.WithoutCancel(ctx), 0); err != nil {
		return fmt.Errorf("close receiver: %w", err)
	}
	return nil
}

// endpoint is the URL of the endpoint with that number.
func (s *sink) endpoint(number int) string {
	return s.url + "/" + strconv.Itoa(number) + s.dialect.query
}

// ServeHTTP receives one delivery.
func (s *sink) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	at := s.journal.now()
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, maxBody))
	if err != nil {
		s.strangers.Add(1)
		http.Error(w, "unreadable", http.StatusBadRequest)
		return
	}
	index, ours := s.naming.index(s.dialect.transaction(request, body))
	if !ours || index >= len(s.journal.received) {
		s.strangers.Add(1)
		http.Error(w, "not of this run", http.StatusNotFound)
		return
	}
	if s.verify && !s.holds(request, body) {
		s.forged.Add(1)
		http.Error(w, "the signature is invalid", http.StatusForbidden)
		return
	}
	s.journal.receive(index, at)
	s.think(request.Context())
	w.WriteHeader(s.status)
}

// holds verifies a request with the secret of the endpoint that its path names.
func (s *sink) holds(request *http.Request, body []byte) bool {
	secrets := s.secrets.Load()
	number, err := strconv.Atoi(strings.TrimPrefix(request.URL.Path, "/"))
	if err != nil || secrets == nil || number < 0 || number >= len(*secrets) {
		return false
	}
	return s.dialect.scheme.Verify(signer.ReceivedFrom(request, s.url, body), (*secrets)[number:number+1], time.Time{}) == nil
}

func (s *sink) think(ctx context.Context) {
	if s.delay > 0 {
		pause(ctx, s.delay)
	}
}

// pause waits for a time, or for the end of ctx if that is sooner.
func pause(ctx context.Context, length time.Duration) {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
