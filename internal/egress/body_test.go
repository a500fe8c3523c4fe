package egress_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/waybillhq/waybill/internal/egress"
)

// flood writes a block until it made a gigabyte, or as often as the peer takes
// it, and returns how many bytes were taken.
func flood(w io.Writer, block []byte, times int) int {
	taken := 0
	for range times {
		n, err := w.Write(block)
		taken += n
		if err != nil {
			return taken
		}
	}
	return taken
}

// bomb is a megabyte of zeros in a kilobyte, which may be repeated.
func bomb(t *testing.T) []byte {
	t.Helper()
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, _ = zip.Write(make([]byte, 1<<20))
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// Not parallel: it measures what the process allocates.
func TestEndlessBodiesAreCut(t *testing.T) {
	for name, test := range map[string]struct {
		http2 bool
		block []byte
	}{
		"1 GB":             {block: make([]byte, 1<<20)},
		"1 GB over HTTP/2": {block: make([]byte, 1<<20), http2: true},
		"gzip bomb":        {block: bomb(t)},
		"bomb over HTTP/2": {block: bomb(t), http2: true},
	} {
		t.Run(name, func(t *testing.T) {
			written := make(chan int, 1)
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if offered := r.Header.Get("Accept-Encoding"); offered != "" {
					t.Errorf("offered %s", offered)
				}
				w.Header().Set("Content-Encoding", "gzip")
				written <- flood(w, test.block, 1<<10)
			}))
			quieten(server)
			server.EnableHTTP2 = test.http2
			server.StartTLS()
			defer server.Close()
			client := newClient(t, trusting(local(), server.Certificate()))

			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			result := get(t, client, server.URL+"/")
			runtime.ReadMemStats(&after)
			expectStatus(t, result, http.StatusOK)
			if len(result.Body) != 16<<10 || !result.Truncated {
				t.Errorf("%d bytes, truncated %t", len(result.Body), result.Truncated)
			}
			// The receiver's own buffers are counted as well.
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 16<<20 {
				t.Errorf("allocated %d bytes", allocated)
			}
			client.Close()
			if n := <-written; n > 32<<20 {
				t.Errorf("took %d bytes", n)
			}
		})
	}
}

func TestCompressedBodyStaysAsItIs(t *testing.T) {
	t.Parallel()
	const body = "\x1f\x8b\x08\x00 \x00\x1b[31m\xff"
	server := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, body)
	})
	result := get(t, newClient(t, local()), server.URL+"/")
	expectStatus(t, result, http.StatusOK)
	if string(result.Body) != body || result.Header.Get("Content-Encoding") != "gzip" || result.Truncated {
		t.Errorf("%q %v", result.Body, result.Header)
	}
}

func TestBodyCap(t *testing.T) {
	t.Parallel()
	server := receiver(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "12345678") })
	for limit, want := range map[int64]struct {
		body      string
		truncated bool
	}{7: {"1234567", true}, 8: {"12345678", false}, 9: {"12345678", false}} {
		options := local()
		options.MaxReadBody = limit
		result := get(t, newClient(t, options), server.URL+"/")
		expectStatus(t, result, http.StatusOK)
		if string(result.Body) != want.body || result.Truncated != want.truncated {
			t.Errorf("cap %d: %q, truncated %t", limit, result.Body, result.Truncated)
		}
	}
}

func BenchmarkSend(b *testing.B) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "OK") })
	for name, start := range map[string]func(*httptest.Server){
		"http":   (*httptest.Server).Start,
		"https":  (*httptest.Server).StartTLS,
		"https2": func(server *httptest.Server) { server.EnableHTTP2 = true; server.StartTLS() },
	} {
		b.Run(name, func(b *testing.B) {
			server := httptest.NewUnstartedServer(handler)
			start(server)
			defer server.Close()
			options := local()
			if server.TLS != nil {
				options = trusting(options, server.Certificate())
			}
			client := newClient(b, options)
			request := egress.Request{Method: http.MethodGet, URL: server.URL + "/postback?user_id=1&verifier=abc"}
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if result := client.Send(b.Context(), request, patient); result.Failure != nil {
						b.Error(result.Failure.Message)
						return
					}
				}
			})
		})
	}
}
