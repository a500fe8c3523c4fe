package api_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waybillhq/waybill/api"
	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// endless makes deliveries as they are asked for and keeps none.
type endless struct {
	rows  int
	asked atomic.Int64 // parts that were asked for
	busy  atomic.Int64 // parts that are being read
}

func (e *endless) Deliveries(ctx context.Context, _ postback.DeliveryFilter, page postback.Page) ([]postback.Delivery, string, error) {
	e.asked.Add(1)
	e.busy.Add(1)
	defer e.busy.Add(-1)
	if err := ctx.Err(); err != nil {
		return nil, "", fmt.Errorf("read deliveries: %w", err)
	}
	from, _ := strconv.Atoi(page.Cursor) // empty is 0
	found := make([]postback.Delivery, min(page.Limit, e.rows-from))
	for i := range found {
		found[i] = postback.Delivery{
			ID: fmt.Sprintf("dlv_%032x", from+i), EventID: fmt.Sprintf("tx-%024d", from+i), EventType: "conversion.completed",
			Publisher: "pub_1", EndpointID: "ep_019b9a6b0f7a7000a1b2c3d4e5f60718", State: postback.Succeeded, Generation: 1, Attempts: 1,
			LastStatusCode: 200, CreatedAt: start, CompletedAt: start, Reference: strconv.Itoa(from + i),
		}
	}
	if from+len(found) == e.rows {
		return found, "", nil
	}
	return found, strconv.Itoa(from + len(found)), nil
}

func (e *endless) Histories(ctx context.Context, filter postback.DeliveryFilter, page postback.Page) ([]postback.History, string, error) {
	page.Limit = min(page.Limit, 200)
	deliveries, next, err := e.Deliveries(ctx, filter, page)
	histories := make([]postback.History, len(deliveries))
	for i, delivery := range deliveries {
		attempt := sampleAttempt()
		attempt.Request.Body = make([]byte, 4<<10)
		histories[i] = postback.History{Delivery: delivery, Attempts: []postback.Attempt{attempt}}
	}
	return histories, next, err
}

func (e *endless) CountDeliveries(context.Context, postback.DeliveryFilter) (int, error) {
	return e.rows, nil
}

func streamHandler(tb testing.TB, exports api.Exports) http.Handler {
	tb.Helper()
	options := optionsOf(newFakes(), io.Discard)
	options.Exports = exports
	handler, err := api.New(options)
	if err != nil {
		tb.Fatal(err)
	}
	return handler
}

// streamed is an API whose requests end with ctx.
func streamed(t *testing.T, exports api.Exports, ctx context.Context) *bundle { //nolint:revive // ctx is the server's, not the call's
	t.Helper()
	server := httptest.NewUnstartedServer(streamHandler(t, exports))
	server.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	server.Start()
	t.Cleanup(server.Close)
	return &bundle{fakes: newFakes(), url: server.URL, stop: server.Close}
}

// The heap stays where it is, however many rows went through it. It runs alone.
func TestExportHoldsNoRows(t *testing.T) { //nolint:paralleltest // it looks at the heap
	for _, how := range []client.ExportRequest{
		{Format: "csv"},
		{Format: "jsonl", Compress: true},
		{Format: "jsonl", Attempts: true},
	} {
		rows := 100_000
		if how.Attempts {
			rows = 5_000
		}
		b := streamed(t, &endless{rows: rows}, t.Context())
		stream, err := b.client(t, "viewer").Export(t.Context(), client.DeliveryFilter{}, how)
		if err != nil {
			t.Fatal(err)
		}
		var heaps []uint64
		total := int64(0)
		for {
			n, err := io.CopyN(io.Discard, stream, 4<<20)
			total += n
			heaps = append(heaps, liveHeap())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		// Each of these exports is more than 20 MB.
		const most = 12 << 20
		for _, heap := range heaps {
			if heap > heaps[0]+most {
				t.Errorf("%+v: the heap grew from %d to %d", how, heaps[0], heap)
			}
		}
		if total < 20<<20 || len(heaps) < 5 {
			t.Errorf("%+v: only %d bytes", how, total)
		}
		stream.Close()
	}
}

func liveHeap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// stuck is a reader whose connection takes so many bytes and no more: a write
// then lasts as long as its deadline allows.
type stuck struct {
	header   http.Header
	takes    int
	deadline time.Time
	waited   time.Duration
	stuck    func()
}

func (s *stuck) Header() http.Header { return s.header }

func (s *stuck) WriteHeader(int) {}

func (s *stuck) SetWriteDeadline(at time.Time) error {
	s.deadline = at
	return nil
}

func (s *stuck) FlushError() error { return nil }

func (s *stuck) Write(text []byte) (int, error) {
	if s.takes -= len(text); s.takes > 0 {
		return len(text), nil
	}
	s.waited = time.Until(s.deadline)
	s.stuck()
	return 0, os.ErrDeadlineExceeded
}

// A reader that stops holds nothing of the ledger while it is waited for, for a
// minute, and is then cut off.
func TestExportWaitsForAReader(t *testing.T) {
	t.Parallel()
	for _, coding := range []string{"identity", "gzip"} {
		exports := &endless{rows: 1 << 30}
		reader := &stuck{header: http.Header{}, takes: 1 << 20}
		reader.stuck = func() {
			asked := exports.asked.Load()
			for range 1000 {
				runtime.Gosched()
			}
			for exports.busy.Load() > 0 { // What is being read comes to its end.
				runtime.Gosched()
			}
			if more := exports.asked.Load(); more > asked+1 {
				t.Errorf("%s: %d more parts were read", coding, more-asked)
			}
		}
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/deliveries/export", nil)
		request.Header.Set("Authorization", "Bearer "+keyPrefix+"viewer")
		request.Header.Set("Accept-Encoding", coding)
		aborted := serveAborted(streamHandler(t, exports), reader, request)
		if !aborted || reader.waited < 50*time.Second || reader.waited > time.Minute {
			t.Errorf("%s: aborted %t, waited %s", coding, aborted, reader.waited)
		}
		if !reader.deadline.IsZero() {
			t.Errorf("%s: the deadline stays", coding)
		}
	}
}

func serveAborted(handler http.Handler, w http.ResponseWriter, r *http.Request) (aborted bool) {
	defer func() {
		err, _ := recover().(error)
		aborted = errors.Is(err, http.ErrAbortHandler)
	}()
	handler.ServeHTTP(w, r)
	return false
}
