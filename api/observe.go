package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/waybillhq/waybill/postback"
)

// record is what is known of a request when its log line is written.
type record struct {
	caller postback.APIKey
	code   postback.Code // of the problem that was answered
	err    error         // what is not shown to the caller
}

type recordKey struct{}

// recordOf returns the request's record, or one that nobody reads.
func recordOf(ctx context.Context) *record {
	if found, ok := ctx.Value(recordKey{}).(*record); ok {
		return found
	}
	return &record{}
}

// answer is a ResponseWriter that remembers what was written.
type answer struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(text []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	n, err := a.ResponseWriter.Write(text)
	a.bytes += int64(n)
	return n, err //nolint:wrapcheck // a ResponseWriter passes its writer's errors on.
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// observe gives each request an id, continues its trace, survives panics and
// writes one log line when it is done.
func (s *server) observe(next http.Handler) http.Handler {
	propagator := propagation.TraceContext{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := s.Now()
		ctx := propagator.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		known := &record{}
		ctx = context.WithValue(ctx, recordKey{}, known)
		ctx, span := s.startSpan(ctx)
		defer span.End()
		requestID := requestID(r)
		header := w.Header()
		header.Set("X-Request-Id", requestID)
		header.Set("Cache-Control", "no-store")
		header.Set("X-Content-Type-Options", "nosniff")

		out, r := &answer{ResponseWriter: w}, r.WithContext(ctx)
		defer func() {
			aborted := s.survive(recover(), out, r)
			describeSpan(span, r, out.status)
			s.log(r, out, requestID, s.Now().Sub(started))
			if aborted {
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(out, r)
	})
}

// survive answers a panic with a problem. When the answer is under way already
// it reports that the connection must be cut, so that nobody takes what there
// is for the whole.
func (s *server) survive(cause any, out *answer, r *http.Request) (abort bool) {
	if cause == nil {
		return false
	}
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		return true
	}
	err := postback.Failure(postback.CodeInternal, "panic: %v\n%s", cause, debug.Stack())
	if out.status != 0 {
		recordOf(r.Context()).err = err
		return true
	}
	s.fail(out, r, err)
	return false
}

func (s *server) startSpan(ctx context.Context) (context.Context, trace.Span) {
	if s.Tracer == nil {
		return ctx, trace.SpanFromContext(context.Background())
	}
	return s.Tracer.Start(ctx, "http request", trace.WithSpanKind(trace.SpanKindServer)) //nolint:spancheck // observe ends it.
}

func describeSpan(span trace.Span, r *http.Request, status int) {
	if !span.IsRecording() {
		return
	}
	span.SetName(r.Method + " " + route(r))
	span.SetAttributes(
		attribute.String("http.request.method", r.Method),
		attribute.String("http.route", route(r)),
		attribute.Int("http.response.status_code", status),
	)
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, http.StatusText(status))
	}
}

// log writes the request's line. It has the route and the thing's id, but no
// query and no body; a path that has no route may hold anything and is left
// out.
func (s *server) log(r *http.Request, out *answer, requestID string, took time.Duration) {
	known := recordOf(r.Context())
	level := slog.LevelInfo
	switch {
	case r.Context().Err() != nil:
		level = slog.LevelWarn // The caller went away; whatever failed may have failed for that.
	case known.err != nil || out.status >= http.StatusInternalServerError:
		level = slog.LevelError
	case strings.HasSuffix(r.Pattern, "/healthz"), strings.HasSuffix(r.Pattern, "/readyz"), strings.HasSuffix(r.Pattern, "/metrics"):
		level = slog.LevelDebug
	}
	if !s.Logger.Enabled(r.Context(), level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", r.Method), slog.String("route", route(r)), slog.Int("status", out.status),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000), slog.Int64("bytes", out.bytes),
		slog.String("request_id", requestID),
	}
	optional := func(name, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(name, value))
		}
	}
	optional("id", r.PathValue("id"))
	optional("key_id", known.caller.ID)
	optional("code", string(known.code))
	if span := trace.SpanContextFromContext(r.Context()); span.HasTraceID() {
		optional("trace_id", span.TraceID().String())
	}
	if known.err != nil {
		optional("error", fmt.Sprint(known.err))
	}
	s.Logger.LogAttrs(r.Context(), level, "http request", attrs...)
}

// route is the pattern's path, without the method.
func route(r *http.Request) string {
	if _, path, found := strings.Cut(r.Pattern, " "); found {
		return path
	}
	return "none"
}

// requestID takes the caller's id when it is harmless, else makes one.
func requestID(r *http.Request) string {
	given := r.Header.Get("X-Request-Id")
	if given == "" || len(given) > 100 || strings.ContainsFunc(given, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return rand.Text()
	}
	return given
}
