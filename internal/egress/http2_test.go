package egress_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/net/http2"

	"github.com/waybillhq/waybill/internal/egress"
)

// turning is an HTTP/2 receiver that answers the requests of a connection until
// it turns one away, before doing anything for it.
type turning struct {
	*httptest.Server
	turn     func(frames *http2.Framer, stream uint32) error
	answered atomic.Int32
	turned   atomic.Int32
}

// newTurning turns away the second request of its first connection.
func newTurning(t *testing.T, turn func(*http2.Framer, uint32) error) *turning {
	t.Helper()
	r := &turning{turn: turn}
	r.Server = httptest.NewUnstartedServer(http.NotFoundHandler())
	r.TLS = &tls.Config{NextProtos: []string{"h2"}}
	r.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){
		"h2": func(_ *http.Server, conn *tls.Conn, _ http.Handler) { r.serve(conn) },
	}
	quieten(r.Server)
	r.StartTLS()
	t.Cleanup(r.Close)
	return r
}

func (r *turning) serve(conn *tls.Conn) {
	defer func() { _ = conn.Close() }()
	if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	frames := http2.NewFramer(conn, conn)
	if frames.WriteSettings() != nil {
		return
	}
	requests := 0
	for {
		frame, err := frames.ReadFrame()
		if err != nil {
			return
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				err = frames.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if !frame.IsAck() {
				err = frames.WritePing(true, frame.Data)
			}
		case *http2.HeadersFrame:
			requests++
			err = r.answer(frames, frame.StreamID, requests)
		}
		if err != nil {
			return
		}
	}
}

func (r *turning) answer(frames *http2.Framer, stream uint32, request int) error {
	if request == 2 && r.turned.CompareAndSwap(0, 1) {
		return r.turn(frames, stream)
	}
	r.answered.Add(1)
	return frames.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, BlockFragment: []byte{0x88}, EndHeaders: true, EndStream: true, // :status 200
	})
}

// What a receiver turned away costs no attempt: it has said that it did nothing.
func TestHTTP2RequestTurnedAwayIsSentAgain(t *testing.T) {
	t.Parallel()
	for name, turn := range map[string]func(*http2.Framer, uint32) error{
		"REFUSED_STREAM": func(frames *http2.Framer, stream uint32) error {
			return frames.WriteRSTStream(stream, http2.ErrCodeRefusedStream)
		},
		"GOAWAY": func(frames *http2.Framer, stream uint32) error {
			return frames.WriteGoAway(stream-2, http2.ErrCodeNo, nil)
		},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			t.Run(name+" "+method, func(t *testing.T) {
				t.Parallel()
				r := newTurning(t, turn)
				client := newClient(t, trusting(local(), r.Certificate()))
				for range 4 {
					request := egress.Request{Method: method, URL: r.URL + "/"}
					if method == http.MethodPost {
						request.Body = []byte("{}")
					}
					expectStatus(t, client.Send(t.Context(), request, patient), http.StatusOK)
				}
				if answered, turned := r.answered.Load(), r.turned.Load(); answered != 4 || turned != 1 {
					t.Errorf("%d requests answered, %d turned away", answered, turned)
				}
			})
		}
	}
}

func TestHTTP2OneStreamAtATime(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	quieten(server)
	server.EnableHTTP2 = true
	server.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 1}
	server.StartTLS()
	t.Cleanup(server.Close)
	client := newClient(t, trusting(local(), server.Certificate()))
	expectStatus(t, get(t, client, server.URL+"/"), http.StatusOK)
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			request := egress.Request{Method: http.MethodPost, URL: server.URL + "/", Body: []byte("{}")}
			if result := client.Send(t.Context(), request, patient); result.Failure != nil {
				t.Errorf("%s: %s", result.Failure.Code, result.Failure.Message)
			}
		})
	}
	group.Wait()
	if got := requests.Load(); got != 17 {
		t.Errorf("%d requests for 17", got)
	}
}
