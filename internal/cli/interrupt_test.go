package cli_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/internal/cli"
)

// hanging is a server that begins an answer and never ends it. Of each request
// asked says so.
func hanging(t *testing.T, asked chan<- struct{}) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/csv")
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// silent is a database that accepts connections and says nothing.
func silent(t *testing.T, asked chan<- struct{}) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			asked <- struct{}{}
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-ended })
	return listener.Addr().String()
}

// reading is standard input of which nothing comes.
type reading struct {
	io.Reader
	asked chan<- struct{}
}

func (r reading) Read(into []byte) (int, error) {
	r.asked <- struct{}{}
	return r.Reader.Read(into)
}

// What somebody stops before it is done exits with 130, as shells do it.
func TestAnInterruptedCommandExitsWith130(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 100)
	server, database := hanging(t, asked), silent(t, asked)
	dir := t.TempDir()
	for name, args := range map[string][]string{
		"export":          {"delivery", "export", "--server", server, "--api-key", "k"},
		"export to file":  {"delivery", "export", "--server", server, "--api-key", "k", "--output", filepath.Join(dir, "out.csv")},
		"listing":         {"delivery", "list", "--server", server, "--api-key", "k"},
		"replay":          {"replay", "--state", "dead", "--server", server, "--api-key", "k"},
		"replay by id":    {"replay", "dlv_1", "dlv_2", "--server", server, "--api-key", "k"},
		"event deliver":   {"event", "deliver", "--unmatched", "--server", server, "--api-key", "k"},
		"health":          {"health", "--server", server},
		"bench":           {"bench", "--events", "1", "--server", server, "--api-key", "k"},
		"migrate":         {"migrate", "--database", "postgres://waybill@" + database + "/waybill?sslmode=disable"},
		"data from stdin": {"sign", "--scheme", "besitos", "--url", "https://publisher.example.com/", "--secret", "0123456789abcdef", "--data", "-"},
		"secret of stdin": {"verify", "--scheme", "besitos", "--url", "https://publisher.example.com/", "--secret-stdin"},
	} {
		t.Run(name, func(t *testing.T) { // one after the other: they share what is asked
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			in, typing := io.Pipe()
			defer func() { _ = typing.Close() }()
			var out, errors strings.Builder
			code := make(chan int, 1)
			go func() { code <- cli.Run(ctx, args, reading{in, asked}, &out, &errors) }()
			select {
			case <-asked:
			case got := <-code:
				t.Fatalf("exit code %d before it was interrupted: %s", got, &errors)
			}
			interrupt()
			if got := <-code; got != 130 || !strings.Contains(errors.String(), "interrupted") || strings.Contains(errors.String(), "context canceled") {
				t.Errorf("exit code %d, and it says %q", got, &errors)
			}
		})
	}
}

// What was done when the signal came is done.
func TestACommandThatIsDoneIsNotInterrupted(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	var out, errors strings.Builder
	if got := cli.Run(ctx, []string{"version"}, strings.NewReader(""), &out, &errors); got != 0 || out.String() == "" {
		t.Errorf("exit code %d, and it says %q", got, &errors)
	}
	if got := cli.Run(ctx, []string{"version", "extra"}, strings.NewReader(""), &out, &errors); got != 2 {
		t.Errorf("bad usage exits with %d", got)
	}
}
