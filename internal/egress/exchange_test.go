package egress_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/waybillhq/waybill/internal/egress"
)

// The transport would send a GET again as often as there are kept connections
// that break, and a POST never.
func TestOneSendIsTwoRequestsAtMost(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		request egress.Request
		idle    int32
		reset   bool
	}{
		"GET":                      {egress.Request{Method: http.MethodGet}, 1, false},
		"GET, reset":               {egress.Request{Method: http.MethodGet}, 1, true},
		"GET, more idle":           {egress.Request{Method: http.MethodGet}, 3, false},
		"GET, long":                {egress.Request{Method: http.MethodGet, Header: http.Header{"X-A": {strings.Repeat("a", 9000)}}}, 2, false},
		"POST":                     {egress.Request{Method: http.MethodPost, Body: []byte("{}")}, 2, false},
		"POST, idempotency key":    {egress.Request{Method: http.MethodPost, Body: []byte("{}"), Header: http.Header{"Idempotency-Key": {"1"}}}, 2, true},
		"POST, key, no body":       {egress.Request{Method: http.MethodPost, Header: http.Header{"Idempotency-Key": {"1"}}}, 2, false},
		"PUT, large, key, no room": {egress.Request{Method: http.MethodPut, Body: bytes.Repeat([]byte("a"), 1<<20), Header: http.Header{"Idempotency-Key": {"1"}}}, 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen atomic.Int32
			together := make(chan struct{})
			addr := listen(t, func(accepted *net.TCPConn) {
				reader := bufio.NewReader(accepted)
				for {
					if _, err := readHead(reader); err != nil {
						return
					}
					if n := seen.Add(1); n > test.idle {
						if test.reset {
							_ = accepted.SetLinger(0)
						}
						return
					} else if n == test.idle {
						close(together)
					}
					<-together
					fmt.Fprint(accepted, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				}
			})
			client := newClient(t, local())
			results := make(chan egress.Result)
			for range test.idle {
				go func() { results <- get(t, client, "http://"+addr+"/") }()
			}
			for range test.idle {
				expectStatus(t, <-results, http.StatusOK)
			}
			test.request.URL = "http://" + addr + "/"
			result := client.Send(t.Context(), test.request, patient)
			if result.Failure == nil || result.Failure.Kind != egress.Failed || !result.Sent || !result.Resent {
				t.Errorf("got %+v", result)
			}
			if n := seen.Load(); n != test.idle+2 {
				t.Errorf("one Send made %d requests", n-test.idle)
			}
		})
	}
}

// A connection that was dialed for a request which then got another one is kept
// without having been used. And the transport does not see at once that it may
// not go on: what is ready in that moment is offered, and must not be used.
func TestLossOnAKeptConnection(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		offers []httptrace.GotConnInfo
		lost   bool
	}{
		"new":                         {[]httptrace.GotConnInfo{{}}, false},
		"used before":                 {[]httptrace.GotConnInfo{{Reused: true, WasIdle: true}}, true},
		"kept, not used before":       {[]httptrace.GotConnInfo{{WasIdle: true}}, true},
		"used before, then a new one": {[]httptrace.GotConnInfo{{Reused: true}, {}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent := make([]int, len(test.offers))
			var readers sync.WaitGroup
			for i := range test.offers {
				ours, receivers := net.Pipe()
				test.offers[i].Conn = ours
				readers.Go(func() { sent[i], _ = receivers.Read(make([]byte, 1)) })
			}
			if got := egress.LostOn(test.offers...); got != test.lost {
				t.Errorf("lost with a kept connection: %t", got)
			}
			for _, offer := range test.offers {
				_ = offer.Conn.Close()
			}
			readers.Wait()
			if want := append([]int{1}, make([]int, len(sent)-1)...); !slices.Equal(sent, want) {
				t.Errorf("bytes sent on each: %v", sent)
			}
		})
	}
}
