package worker

import (
	"net/http"
	"slices"
	"strings"

	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/postback"
)

// complete completes the attempt with what came back, as the history keeps it.
func (s *recordStage) complete(d *delivery) {
	attempt, result := &d.attempt, d.result
	attempt.Duration = max(s.now().Sub(attempt.StartedAt), 0) // a clock may be set back
	attempt.StatusCode = result.StatusCode
	attempt.Outcome, attempt.Error = d.verdict.outcome, d.verdict.failure
	if result.Resent {
		attempt.Notes = append(attempt.Notes, noteResent)
	}
	if d.verdict.note != "" {
		attempt.Notes = append(attempt.Notes, d.verdict.note)
	}
	if result.SourceIP.IsValid() {
		attempt.SourceIP = result.SourceIP.String()
	}
	if result.Failure == nil {
		s.keepResponse(attempt, result)
	}
}

func (s *recordStage) keepResponse(attempt *postback.Attempt, result egress.Result) {
	body := result.Body[:min(len(result.Body), s.storedBody)]
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
