package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// healthPath is where a process says that it is alive.
const healthPath = "/healthz"

// named has health checks answered with the identity of the ledger: by it the
// doctor knows the server of its own settings from another one.
func named(handler http.Handler, identity string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == healthPath {
			w.Header().Set(ledgerHeader, identity)
		}
		handler.ServeHTTP(w, r)
	})
}

// probePatience bounds how long readiness may take to tell.
const probePatience = 5 * time.Second

// ready reports whether work should be given to this process.
func (s *server) ready(ctx context.Context) error {
	if s.draining.Load() {
		return errors.New("the server is stopping")
	}
	return s.parts().ready(ctx)
}

// probes answers /healthz, /readyz and /metrics, and asks for no key. They say
// what the API's own say.
func (s *server) probes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+healthPath, func(w http.ResponseWriter, _ *http.Request) { s.say(w, http.StatusOK, probeOK) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), probePatience)
		defer cancel()
		if err := s.ready(ctx); err != nil {
			s.log.WarnContext(ctx, "not ready", slog.Any("error", err))
			s.say(w, http.StatusServiceUnavailable, probeNotReady)
			return
		}
		s.say(w, http.StatusOK, probeOK)
	})
	mux.Handle("GET /metrics", s.telemetry.Handler())
	return mux
}

const (
	probeOK       = `{"status":"ok"}`
	probeNotReady = `{"type":"about:blank","title":"Service Unavailable","status":503,"code":"` + string(postback.CodeUnavailable) +
		`","detail":"work cannot be done now; the server's log says why"}`
)

func (s *server) say(w http.ResponseWriter, status int, body string) {
	contentType := "application/json"
	if status != http.StatusOK {
		contentType = "application/problem+json"
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if _, err := w.Write([]byte(body)); err != nil {
		s.log.Debug("probe disconnected", slog.Any("error", err))
	}
}
