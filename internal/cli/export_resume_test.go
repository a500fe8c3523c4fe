package cli_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/internal/cli"
)

// exporter answers exports as the API does, and cuts some of them.
type exporter struct {
	deliveries int
	size       int // of a cell
	// cut says after how many bytes of rows a call, counted from 0, is cut;
	// negative is not at all.
	cut   func(call int) int
	calls atomic.Int64
	// refuse answers a call with a status; 0 is none.
	refuse func(call int) int
}

func (e *exporter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := int(e.calls.Add(1)) - 1
	if e.refuse != nil && e.refuse(call) != 0 {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(e.refuse(call))
		fmt.Fprint(w, `{"code":"unavailable","detail":"not now"}`)
		return
	}
	query := r.URL.Query()
	rows := e.rows(query.Get("format"), query.Get("attempts") == "true", query.Get("cursor"))
	cut := -1
	if e.cut != nil {
		cut = e.cut(call)
	}
	whole := cut < 0 || cut >= len(rows)
	if !whole {
		rows = rows[:cut]
	}
	var to io.Writer = w
	if r.Header.Get("Accept-Encoding") == "gzip" {
		w.Header().Set("Content-Encoding", "gzip")
		zipped := gzip.NewWriter(w)
		to = zipped
		defer func() {
			if whole {
				_ = zipped.Close()
			}
		}()
		defer func() { _ = zipped.Flush() }()
	}
	w.WriteHeader(http.StatusOK)
	_, _ = to.Write(rows)
	if !whole {
		if zipped, ok := to.(*gzip.Writer); ok {
			_ = zipped.Flush()
		}
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// rows are the rows behind a cursor: of attempts 0 to 3 for a delivery.
func (e *exporter) rows(format string, attempts bool, cursor string) []byte {
	var out bytes.Buffer
	name := "id"
	if attempts {
		name = "delivery_id"
	}
	if format == "csv" && cursor == "" {
		out.WriteString(name + ",text\n")
	}
	begun := cursor == ""
	for i := range e.deliveries {
		id := fmt.Sprintf("dlv_%04x", 0xffff-i)
		times := 1
		if attempts {
			times = i % 4
		}
		for range times {
			if !begun {
				continue
			}
			if format == "csv" {
				fmt.Fprintf(&out, "%s,\"a \"\"quoted\"\"\nline %d %s\"\n", id, i, strings.Repeat("x", e.size))
			} else {
				fmt.Fprintf(&out, "{%q:%q,\"text\":\"a \\\"line\\\" %d %s\"}\n", name, id, i, strings.Repeat("x", e.size))
			}
		}
		begun = begun || id == cursor
	}
	return out.Bytes()
}

// to starts the exporter and returns a client of it.
func (e *exporter) to(t *testing.T) *client.Client {
	t.Helper()
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	c, err := client.New(server.URL, "k")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func forms() []client.ExportRequest {
	return []client.ExportRequest{
		{Format: "csv"},
		{Format: "jsonl"},
		{Format: "csv", Attempts: true},
		{Format: "jsonl", Attempts: true},
		{Format: "csv", Compress: true},
		{Format: "jsonl", Attempts: true, Compress: true},
	}
}

func noPause(time.Duration) error { return nil }

// written exports to a new file and returns what is in it.
func written(t *testing.T, c *client.Client, how client.ExportRequest) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "out")
	if err := cli.ExportFile(t.Context(), c, how, path, false, noPause); err != nil {
		t.Fatal(err)
	}
	return contents(t, path)
}

func contents(t *testing.T, path string) []byte {
	t.Helper()
	if left, err := filepath.Glob(path + ".*"); err != nil || len(left) > 0 {
		t.Fatalf("left over: %v, %v", left, err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func unzip(t *testing.T, how client.ExportRequest, text []byte) []byte {
	t.Helper()
	if !how.Compress {
		return text
	}
	zipped, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if text, err = io.ReadAll(zipped); err != nil {
		t.Fatal(err)
	}
	return text
}

// An export whose connection is cut at any byte, or again and again, is the
// same file.
func TestExportSurvivesCuts(t *testing.T) {
	t.Parallel()
	for _, how := range forms() {
		t.Run(fmt.Sprintf("%+v", how), func(t *testing.T) {
			t.Parallel()
			e := &exporter{deliveries: 6}
			c := e.to(t)
			want := e.rows(how.Format, how.Attempts, "")
			whole := written(t, c, how)
			if string(unzip(t, how, whole)) != string(want) || e.calls.Load() != 1 {
				t.Fatalf("not cut: %d calls\n%s", e.calls.Load(), whole)
			}
			var first int
			e.cut = func(call int) int {
				if call == 0 {
					return first
				}
				return -1
			}
			for first = range len(want) {
				e.calls.Store(0)
				if got := written(t, c, how); !bytes.Equal(got, whole) || e.calls.Load() != 2 {
					t.Fatalf("cut at %d, %d calls:\n%s", first, e.calls.Load(), unzip(t, how, got))
				}
			}
			e.cut = func(int) int { return 200 } // always
			if got := written(t, c, how); !bytes.Equal(got, whole) {
				t.Fatalf("always cut:\n%s", unzip(t, how, got))
			}
		})
	}
}

// A file that a crash left behind, cut anywhere, is resumed to the same file.
func TestExportResumesAnyFile(t *testing.T) {
	t.Parallel()
	for _, how := range forms() {
		t.Run(fmt.Sprintf("%+v", how), func(t *testing.T) {
			t.Parallel()
			e := &exporter{deliveries: 6}
			c := e.to(t)
			whole := written(t, c, how)
			path := filepath.Join(t.TempDir(), "out")
			for left := range len(whole) + 1 {
				for _, torn := range []string{"", "\x00\x00\x00"} {
					if err := os.WriteFile(path+".partial", append(whole[:left:left], torn...), 0o600); err != nil {
						t.Fatal(err)
					}
					if err := cli.ExportFile(t.Context(), c, how, path, true, noPause); err != nil {
						t.Fatalf("%d bytes were left: %v", left, err)
					}
					if got := contents(t, path); !bytes.Equal(got, whole) {
						t.Fatalf("%d bytes and %q were left:\n%s", left, torn, unzip(t, how, got))
					}
					if err := os.Remove(path); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
	}
}

// A large compressed file goes on behind its last whole member, not from the
// beginning.
func TestExportResumesBehindAMember(t *testing.T) {
	t.Parallel()
	for _, how := range forms()[4:] {
		e := &exporter{deliveries: 900, size: 16 << 10}
		c := e.to(t)
		whole := written(t, c, how)
		if members := bytes.Count(whole, []byte("\x1f\x8b\x08\x00")); members < 3 {
			t.Fatalf("%d members", members)
		}
		path := filepath.Join(t.TempDir(), "out")
		for _, left := range []int{len(whole) / 4, len(whole) / 2, len(whole) - 1, len(whole)} {
			if err := os.WriteFile(path+".partial", whole[:left], 0o600); err != nil {
				t.Fatal(err)
			}
			asked := 0
			e.refuse = func(int) int { asked++; return 0 }
			if err := cli.ExportFile(t.Context(), c, how, path, true, noPause); err != nil {
				t.Fatal(err)
			}
			if got := contents(t, path); !bytes.Equal(got, whole) {
				t.Fatalf("%d of %d bytes were left, %d came of it", left, len(whole), len(got))
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// An export that the server does not take up again ends after a minute, and
// keeps what it has.
func TestExportGivesUp(t *testing.T) {
	t.Parallel()
	how := client.ExportRequest{Format: "csv"}
	e := &exporter{deliveries: 14, cut: func(int) int { return 300 }, refuse: func(call int) int {
		if call >= 1 {
			return http.StatusServiceUnavailable
		}
		return 0
	}}
	path := filepath.Join(t.TempDir(), "out")
	var waited time.Duration
	c := e.to(t)
	err := cli.ExportFile(t.Context(), c, how, path, false, func(wait time.Duration) error {
		waited += wait
		return nil
	})
	var problem *client.Problem
	if !errors.As(err, &problem) || problem.Status != 503 || waited < time.Minute || waited > 90*time.Second {
		t.Errorf("waited %s, %v", waited, err)
	}
	if err := cli.ExportFile(t.Context(), c, how, path, false, noPause); !errors.Is(err, os.ErrExist) || !strings.Contains(err.Error(), "--resume") {
		t.Errorf("not resumed: %v", err)
	}
	e.refuse, e.cut = nil, nil
	if err := cli.ExportFile(t.Context(), c, how, path, true, noPause); err != nil {
		t.Error(err)
	}
	if got := contents(t, path); !bytes.Equal(got, e.rows("csv", false, "")) {
		t.Errorf("got %s", got)
	}
	if err := cli.ExportFile(t.Context(), c, how, path, true, noPause); !errors.Is(err, os.ErrExist) {
		t.Errorf("the file is there: %v", err)
	}
}

// What another try would meet again is not tried again, and leaves no file.
func TestExportIsNotRepeatedInVain(t *testing.T) {
	t.Parallel()
	how := client.ExportRequest{Format: "csv"}
	for status, calls := range map[int]int64{http.StatusUnauthorized: 1, http.StatusServiceUnavailable: 1} {
		e := &exporter{deliveries: 14, refuse: func(int) int { return status }}
		path := filepath.Join(t.TempDir(), "out")
		if err := cli.ExportFile(t.Context(), e.to(t), how, path, false, noPause); err == nil || e.calls.Load() != calls {
			t.Errorf("%d: %d calls, %v", status, e.calls.Load(), err)
		}
		if left, err := filepath.Glob(path + "*"); err != nil || len(left) > 0 {
			t.Errorf("%d: left over %v, %v", status, left, err)
		}
	}
	e := &exporter{deliveries: 14, cut: func(int) int { return 300 }, refuse: func(call int) int { return call * http.StatusUnauthorized }}
	path := filepath.Join(t.TempDir(), "out")
	var problem *client.Problem
	if err := cli.ExportFile(t.Context(), e.to(t), how, path, false, noPause); !errors.As(err, &problem) || problem.Status != 401 || e.calls.Load() != 2 {
		t.Errorf("revoked meanwhile: %d calls, %v", e.calls.Load(), err)
	}
}

// A file that some other export or program wrote is left as it is.
func TestExportResumesOnlyItsOwn(t *testing.T) {
	t.Parallel()
	for deliveries := 1; deliveries <= 8; deliveries++ {
		e := &exporter{deliveries: deliveries + 1}
		c := e.to(t)
		for _, wrote := range forms() {
			text := written(t, c, wrote)
			for _, how := range forms() {
				if wrote != how {
					resumesNot(t, c, text, how)
				}
			}
		}
	}
}

func resumesNot(t *testing.T, c *client.Client, text []byte, how client.ExportRequest) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(path+".partial", text, 0o600); err != nil {
		t.Fatal(err)
	}
	err := cli.ExportFile(t.Context(), c, how, path, true, noPause)
	if err == nil || !strings.Contains(err.Error(), "rows of another export") {
		t.Errorf("%.20q by %+v: %v", text, how, err)
	}
	if left, err := os.ReadFile(path + ".partial"); err != nil || !bytes.Equal(left, text) {
		t.Errorf("%.20q by %+v changed the file: %v", text, how, err)
	}
}
