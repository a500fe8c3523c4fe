package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// try makes the attempt and decides what is next.
func (w *Worker) try(ctx context.Context, endpoint postback.Endpoint, due postback.Due) postback.Transition {
	attempt, verdict := w.attempt(ctx, endpoint, due)
	if verdict.next == disable && !due.Delivery.Test {
		verdict = w.disable(ctx, endpoint, verdict)
	}
	if verdict.next == blocked && !due.Delivery.Test {
		w.alertBlocked(ctx, endpoint, verdict, attempt.StartedAt)
	}
	if !due.Delivery.Test {
		w.heed(ctx, endpoint, attempt.StatusCode, verdict)
	}
	move := w.settle(endpoint, due.Delivery, attempt, verdict)
	w.note(ctx, endpoint, due, attempt, move)
	w.uses.note(endpoint.ID, attempt.SecretVersion, attempt.StartedAt)
	return move
}

// attempt builds, signs and sends one request, and judges what came back.
func (w *Worker) attempt(ctx context.Context, endpoint postback.Endpoint, due postback.Due) (postback.Attempt, verdict) {
	ctx, span := w.Tracer.Start(ctx, "attempt", trace.WithSpanKind(trace.SpanKindClient))
	defer span.End()
	attempt := postback.Attempt{
		DeliveryID: due.Delivery.ID,
		Generation: due.Delivery.Generation,
		Number:     due.Delivery.NextAttempt(),
		Trigger:    trigger(due.Delivery),
		StartedAt:  w.now(),
	}
	if id := span.SpanContext().TraceID(); id.IsValid() {
		attempt.TraceID = id.String()
	}
	var result egress.Result
	expected, err := w.expected.of(endpoint)
	if err == nil {
		result, err = w.send(ctx, endpoint, due, &attempt)
	}
	if err != nil {
		result.Failure = refusal(err)
	}
	verdict := classify(endpoint, expected, result)
	if err != nil && verdict.next == notSent {
		verdict.next = blocked
	}
	verdict = w.blame(endpoint, due.Delivery, attempt.StartedAt, result, verdict)
	w.fill(&attempt, result, verdict)
	describe(span, attempt)
	return attempt, verdict
}

func (w *Worker) send(ctx context.Context, endpoint postback.Endpoint, due postback.Due, attempt *postback.Attempt) (egress.Result, error) {
	request, err := w.sign(endpoint, due, attempt)
	if err != nil {
		return egress.Result{}, err
	}
	return w.Sender.Send(ctx, request, endpoint.Timeout), nil
}

func trigger(delivery postback.Delivery) postback.Trigger {
	switch {
	case delivery.Test:
		return postback.TriggerExample
	case delivery.Probe:
		return postback.TriggerProbe
	case tried(delivery):
		return postback.TriggerRetry
	case delivery.Generation > 1:
		return postback.TriggerReplay
	default:
		return postback.TriggerEvent
	}
}

// sign builds the request with the secret that is current now, and notes in
// the attempt what is sent.
func (w *Worker) sign(endpoint postback.Endpoint, due postback.Due, attempt *postback.Attempt) (egress.Request, error) {
	scheme, err := w.Schemes.Define(endpoint.Scheme)
	if err != nil {
		return egress.Request{}, fmt.Errorf("look up scheme: %w", err)
	}
	target := signer.Target{URL: endpoint.URL, Method: endpoint.Method}
	// The endpoint's URL may be another one than when the event was accepted.
	if err := scheme.CheckMacros(target, due.Event.Data, endpoint.AllowEmpty); err != nil {
		return egress.Request{}, fmt.Errorf("check macros: %w", err)
	}
	signing := endpoint.SecretsAt(attempt.StartedAt)
	secrets, err := w.open(endpoint.ID, signing)
	if err != nil {
		return egress.Request{}, err
	}
	signed, err := scheme.Sign(
		target,
		signer.Message{ID: due.Delivery.MessageID(), Type: due.Event.Type, OccurredAt: due.Event.When(), Data: due.Event.Data},
		secrets, attempt.StartedAt)
	if err != nil {
		return egress.Request{}, fmt.Errorf("sign: %w", err)
	}
	shown := addCustom(signed.Header, endpoint.Headers)
	attempt.SecretVersion = signing[0].Version
	attempt.Notes = signed.Notes
	attempt.Request = postback.SentRequest{
		Method: signed.Method, URL: signed.URL, Headers: shown,
		Body: signed.Body, StringToSign: signed.StringToSign,
	}
	return egress.Request{
		Method: signed.Method, URL: signed.URL, Header: signed.Header, Body: signed.Body, AwaitBody: endpoint.Expect != nil,
	}, nil
}

// open opens secrets of an endpoint.
func (w *Worker) open(endpointID string, sealed []postback.SealedSecret) ([]string, error) {
	if len(sealed) == 0 {
		return nil, postback.Failure(signer.CodeSecretMissing, "the endpoint %s has no secret that signs now; rotate its secret", endpointID)
	}
	opened := make([]string, 0, len(sealed))
	for _, one := range sealed {
		secret, err := w.Secrets.Open(one.Sealed, endpointID, one.Version)
		if err != nil {
			return nil, fmt.Errorf("open secret: %w", err)
		}
		opened = append(opened, secret.Reveal())
	}
	return opened, nil
}

// refusal turns an error from before sending into a failure. What the scheme
// cannot carry it never will; a secret that does not open, or a declared scheme
// that this process was not given, is our own trouble.
func refusal(err error) *egress.Failure {
	unsignable, ok := errors.AsType[*signer.Error](err)
	if ok && unsignable.Code != signer.CodeUnknownScheme {
		return &egress.Failure{Kind: egress.Refused, Code: unsignable.Code, Message: unsignable.Error()}
	}
	failure := &egress.Failure{Kind: egress.Infrastructure, Code: string(postback.CodeOf(err)), Message: err.Error()}
	if ok {
		failure.Code = unsignable.Code
	}
	return failure
}

// fill completes the attempt with what came back.
func (w *Worker) fill(attempt *postback.Attempt, result egress.Result, verdict verdict) {
	attempt.Duration = max(w.now().Sub(attempt.StartedAt), 0) // a clock may be set back
	attempt.StatusCode = result.StatusCode
	attempt.Outcome, attempt.Error = verdict.outcome, verdict.failure
	if result.Resent {
		attempt.Notes = append(attempt.Notes, noteResent)
	}
	if verdict.note != "" {
		attempt.Notes = append(attempt.Notes, verdict.note)
	}
	if result.SourceIP.IsValid() {
		attempt.SourceIP = result.SourceIP.String()
	}
	if result.Failure != nil {
		return
	}
	body := result.Body[:min(len(result.Body), w.StoredBody)]
	headers, cut := bounded(received(result.Header))
	if cut != "" {
		attempt.Notes = append(attempt.Notes, cut)
	}
	attempt.Response = &postback.Response{
		Headers: headers, Body: slices.Clone(body),
		Truncated: result.Truncated || len(body) < len(result.Body),
	}
}

// noteResent is what the history says of a request that was lost with a kept
// connection, which the receiver closed before it answered anything.
const noteResent = "sent again at once, on a new connection: the receiver had closed the kept one"

func flat(header http.Header) map[string]string {
	flattened := make(map[string]string, len(header))
	for name, values := range header {
		flattened[name] = strings.Join(values, ", ")
	}
	return flattened
}

// received are a response's headers as the history keeps them: a receiver may
// answer with credentials, which nobody reads there.
func received(header http.Header) map[string]string {
	shown := flat(header)
	for name := range shown {
		if postback.HoldsCredential(name) {
			shown[name] = postback.MaskedHeader
		}
	}
	return shown
}

// addCustom adds an operator's headers to a request, none of which replaces one
// of the scheme's, and returns the headers as the history keeps them: custom
// ones may hold credentials, so their values are masked.
func addCustom(header http.Header, custom map[string]string) map[string]string {
	shown := flat(header)
	for name, value := range custom {
		if header.Get(name) == "" {
			header.Set(name, value)
			shown[http.CanonicalHeaderKey(name)] = "[custom]"
		}
	}
	return shown
}

func describe(span trace.Span, attempt postback.Attempt) {
	span.SetAttributes(
		attribute.String("http.request.method", attempt.Request.Method),
		attribute.Int("http.response.status_code", attempt.StatusCode),
		attribute.String("waybill.trigger", string(attempt.Trigger)),
		attribute.String("waybill.outcome", string(attempt.Outcome)),
	)
	if attempt.Error != nil {
		span.SetStatus(codes.Error, attempt.Error.Code)
	}
}

// note writes the attempt's one log line and counts it.
func (w *Worker) note(ctx context.Context, endpoint postback.Endpoint, due postback.Due, attempt postback.Attempt, move postback.Transition) {
	failure := ""
	if attempt.Error != nil {
		failure = attempt.Error.Code
	}
	w.metrics.attempted(ctx, endpoint.Scheme, attempt, failure)
	attrs := []slog.Attr{
		slog.String("delivery", attempt.DeliveryID),
		slog.String("event", due.Event.ID),
		slog.String("endpoint", endpoint.ID),
		slog.String("publisher", endpoint.Publisher),
		slog.Int("attempt", attempt.Number),
		slog.String("trigger", string(attempt.Trigger)),
		slog.String("outcome", string(attempt.Outcome)),
		slog.String("state", string(move.To)),
		slog.Float64("duration_ms", float64(attempt.Duration.Microseconds())/1000),
	}
	if attempt.StatusCode != 0 {
		attrs = append(attrs, slog.Int("status", attempt.StatusCode))
	}
	for _, optional := range []struct{ key, value string }{
		{"host", postback.HostOf(attempt.Request.URL)}, {"error", failure}, {"reason", string(move.Reason)}, {"trace_id", attempt.TraceID},
	} {
		if optional.value != "" {
			attrs = append(attrs, slog.String(optional.key, optional.value))
		}
	}
	w.Logger.LogAttrs(ctx, slog.LevelInfo, "attempt", attrs...)
}
