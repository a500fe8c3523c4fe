package listen

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// receive gives bodies a deadline, which ends with the body: one that passed
// while a handler works would cancel the request. A client that is answered
// before its body is here whole learns that the connection closes, has a short
// time to read the answer, and is cut off.
func (s *Server) receive(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := connOf(r)
		if r.ContentLength == 0 || c == nil {
			next.ServeHTTP(w, r)
			return
		}
		_ = c.SetReadDeadline(time.Now().Add(s.times.Body))
		s.gate.arrive(c, true)
		received := *r
		body := &body{ReadCloser: r.Body, conn: c}
		received.Body = body
		out := &answer{ResponseWriter: w, body: body}
		defer func() {
			if !body.whole {
				s.gate.wait(c)
				_ = c.SetReadDeadline(time.Now().Add(s.times.Linger))
			}
		}()
		next.ServeHTTP(out, &received)
		out.decide()
	})
}

// body notes when all of it is here.
type body struct {
	io.ReadCloser
	conn  *conn
	whole bool
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) && !b.whole {
		b.whole = true
		_ = b.conn.SetReadDeadline(time.Time{})
		b.conn.gate.arrive(b.conn, false)
	}
	return n, err //nolint:wrapcheck // readers look for io.EOF
}

// answer closes the connection behind an answer that does not wait for the
// body.
type answer struct {
	http.ResponseWriter
	body    *body
	decided bool
}

func (a *answer) decide() {
	if !a.decided && !a.body.whole {
		a.Header().Set("Connection", "close")
	}
	a.decided = true
}

// WriteHeader decides with the final status.
func (a *answer) WriteHeader(status int) {
	if status >= http.StatusOK {
		a.decide()
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	a.decide()
	return a.ResponseWriter.Write(p) //nolint:wrapcheck // it is the same writer
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
