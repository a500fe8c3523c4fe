package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/goleak"

	"github.com/waybillhq/waybill/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// journal is a log that may be read while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) lines() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.FieldsFunc(j.text.String(), func(r rune) bool { return r == '\n' })
}

func (j *journal) expect(t *testing.T, messages ...string) {
	t.Helper()
	lines := j.lines()
	if len(lines) != len(messages) {
		t.Fatalf("got %d lines, want %d:\n%s", len(lines), len(messages), strings.Join(lines, "\n"))
	}
	for i, message := range messages {
		if !strings.Contains(lines[i], message) {
			t.Errorf("line %d is %s, want %q", i, lines[i], message)
		}
	}
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(j, nil)) }

// collectors of which no answer comes.
func collectors(t *testing.T) map[string]string {
	t.Helper()
	held := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-held }))
	t.Cleanup(func() { close(held); silent.Close() })
	unread, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0") // nobody accepts
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unread.Close() })
	return map[string]string{"it never answers": silent.URL, "it never accepts": "http://" + unread.Addr().String()}
}

// Not parallel: the settings are the environment's.
func TestACollectorThatHangsDelaysNobody(t *testing.T) {
	for name, url := range collectors(t) {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
			t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
			var log journal
			made, err := telemetry.New(t.Context(), "1", log.logger())
			if err != nil {
				t.Fatal(err)
			}
			for range 10_000 { // more than the queue holds
				_, span := made.Tracer().Start(t.Context(), "work")
				span.End()
			}
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if err := made.Close(ctx); err != nil {
				t.Errorf("close: %v", err)
			}
			said := strings.Join(log.lines(), "\n")
			if strings.Count(said, "span export failing") != 1 || strings.Count(said, "last spans lost") != 1 {
				t.Errorf("it logged:\n%s", said)
			}
		})
	}
}

// moody is an exporter that fails as it is told.
type moody struct{ err error }

func (m *moody) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return m.err }
func (m *moody) Shutdown(context.Context) error                             { return nil }

func TestAnOutageOfTheCollectorIsLoggedOnce(t *testing.T) {
	t.Parallel()
	var log journal
	exporter := &moody{}
	outlet := telemetry.NewOutlet(exporter, log.logger())
	export := func(err error) {
		t.Helper()
		exporter.err = err
		if err := outlet.ExportSpans(t.Context(), make([]sdktrace.ReadOnlySpan, 2)); err != nil {
			t.Errorf("the error goes to whoever prints it: %v", err)
		}
	}
	export(nil)
	export(errors.New("away"))
	export(errors.New("still away"))
	export(nil)
	export(nil)
	export(errors.New("away again"))
	log.expect(t, `"span export failing`, `"span export recovered","lost":4`, `"span export failing`)
}

// Not parallel: these loggers are the process's.
func TestWhatLibrariesPrintIsLogged(t *testing.T) {
	var log journal
	before := slog.Default()
	telemetry.LogTo(log.logger())
	t.Cleanup(func() { slog.SetDefault(before) })

	otel.Handle(errors.New("no export"))
	log.expect(t, `"telemetry failing"`)

	// What net/http's client prints when a server goes on after a 204.
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	address := answerWith(t, "HTTP/1.1 204 No Content\r\n\r\n{\"level\":\"ERROR\",\"msg\":\"injected\"}\n")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	deadline := time.After(30 * time.Second)
	for len(log.lines()) < 2 {
		select {
		case <-deadline:
			t.Fatal("what net/http printed is not in the log")
		case <-time.After(time.Millisecond):
		}
	}
	log.expect(t, `"telemetry failing"`, `"level":"WARN","msg":"Unsolicited response`)
}

// answerWith is a server that sends the same bytes to everybody.
func answerWith(t *testing.T, text string) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Read(make([]byte, 1024))
		_, _ = conn.Write([]byte(text))
		_, _ = conn.Read(make([]byte, 1024)) // until the client closes
		_ = conn.Close()
	}()
	t.Cleanup(func() { _ = listener.Close(); <-ended })
	return "http://" + listener.Addr().String()
}
