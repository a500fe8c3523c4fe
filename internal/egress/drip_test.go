package egress_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waybillhq/waybill/internal/egress"
)

// drips answers at once, and then sends a byte of the body now and then.
func drips(status, length int, every time.Duration) func(io.Writer) {
	return func(w io.Writer) {
		fmt.Fprintf(w, "HTTP/1.1 %d Any\r\nContent-Length: %d\r\n\r\n", status, length)
		for range length {
			time.Sleep(every) //nolint:forbidigo // of the bubble's clock
			if _, err := io.WriteString(w, "x"); err != nil {
				return
			}
		}
	}
}

// An answer that decides by its status used to hold its place until the
// timeout while its body dripped.
func TestDrippingBody(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		respond   func(io.Writer)
		await     []int
		timeout   time.Duration
		took      time.Duration
		body      int
		truncated bool
	}{
		"the status decides":         {drips(200, 1000, 80*time.Millisecond), nil, 15 * time.Second, time.Second, 12, true},
		"silence after the status":   {drips(200, 1, time.Hour), nil, 15 * time.Second, time.Second, 0, true},
		"little time is left":        {drips(200, 1000, 80*time.Millisecond), nil, 350 * time.Millisecond, 350 * time.Millisecond, 4, true},
		"it comes soon enough":       {drips(200, 9, 80*time.Millisecond), nil, 15 * time.Second, 720 * time.Millisecond, 9, false},
		"the body decides":           {drips(200, 100, 80*time.Millisecond), []int{200, 202}, 15 * time.Second, 8 * time.Second, 100, false},
		"the body of a 202 decides":  {drips(202, 100, 80*time.Millisecond), []int{200, 202}, 15 * time.Second, 8 * time.Second, 100, false},
		"another 2xx decides alone":  {drips(203, 1000, 80*time.Millisecond), []int{200, 202}, 15 * time.Second, time.Second, 12, true},
		"the body decides, too late": {drips(200, 1000, 80*time.Millisecond), []int{200, 202}, 15 * time.Second, 15 * time.Second, 187, true},
		"a failure decides at once":  {drips(500, 1000, 80*time.Millisecond), []int{200, 202}, 15 * time.Second, time.Second, 12, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				there := &network{at: map[string]answer{"9.9.9.1": serves(0, test.respond)}}
				client := over(t, there, egress.Options{}, "9.9.9.1")
				request := egress.Request{Method: http.MethodGet, URL: "http://receiver.example.com/", AwaitBody: test.await}
				result := client.Send(t.Context(), request, test.timeout)
				if result.Failure != nil || result.StatusCode == 0 {
					t.Fatalf("got %+v", result.Failure)
				}
				if result.Duration != test.took || len(result.Body) != test.body || result.Truncated != test.truncated {
					t.Errorf("%d bytes after %s, truncated %t", len(result.Body), result.Duration, result.Truncated)
				}
			})
		})
	}
}

// What was cut leaves no connection behind that the next request would wait on,
// and what was read to its end is kept.
func TestConnectionAfterItsBody(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		respond func(io.Writer)
		dials   int
	}{
		"cut by time":        {drips(200, 1000, 80*time.Millisecond), 2},
		"cut by the cap":     {func(w io.Writer) { write(w, 17<<10) }, 2},
		"a small rest":       {func(w io.Writer) { write(w, 16<<10) }, 1},
		"no body":            {func(w io.Writer) { write(w, 0) }, 1},
		"in time, in pieces": {drips(200, 9, 80*time.Millisecond), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				there := &network{at: map[string]answer{"9.9.9.1": serves(0, test.respond)}}
				client := over(t, there, egress.Options{}, "9.9.9.1")
				for range 2 {
					expectStatus(t, get(t, client, "http://receiver.example.com/"), http.StatusOK)
				}
				if len(there.tried) != test.dials {
					t.Errorf("%d connections", len(there.tried))
				}
			})
		})
	}
}

func write(w io.Writer, length int) {
	fmt.Fprintf(w, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", length, strings.Repeat("x", length))
}
