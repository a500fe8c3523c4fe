package worker

import (
	"context"
	"log/slog"

	"github.com/waybillhq/waybill/internal/diagnose"
	"github.com/waybillhq/waybill/postback"
)

// Diagnose says why an endpoint did not take an attempt, the surest reason
// first; nothing for one that it took.
func (w *Worker) Diagnose(ctx context.Context, endpointID string, attempt postback.Attempt) []postback.Finding {
	endpoint, known := w.gate.endpoints.Endpoint(endpointID)
	if !known {
		return nil
	}
	sent := diagnose.Sent{Attempt: attempt, Endpoint: endpoint}
	if scheme, err := w.sign.schemes.Define(endpoint.Scheme); err == nil {
		sent.Scheme = scheme
	}
	for _, sealed := range endpoint.Secrets {
		if len(sealed.Sealed) == 0 {
			continue // forgotten
		}
		secret, err := w.sign.secrets.Open(sealed.Sealed, endpoint.ID, sealed.Version)
		switch {
		case err != nil: // without it the diagnosis is less sure, but still one
			w.logger.WarnContext(ctx, "secret not opened for a diagnosis", slog.String("endpoint", endpoint.ID), slog.Any("error", err))
		case sealed.SignsAt(attempt.StartedAt):
			sent.Signing = append(sent.Signing, secret.Reveal())
		default:
			sent.Others = append(sent.Others, diagnose.OtherSecret{Version: sealed.Version, Value: secret.Reveal()})
		}
	}
	return diagnose.Answer(sent)
}
