package dispatcher

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"

	"github.com/waybillhq/waybill/postback"
)

// queued accepts the event of a producer's task, and records a bad one as rejected.
func (s *acceptStage) queued(ctx context.Context, payload []byte) error {
	event, err := postback.ParseEvent(payload)
	if err != nil {
		s.counter.add(ctx, outcomeRefused)
	} else {
		answers, callErr := s.events(ctx, []postback.Event{event})
		if callErr != nil {
			return callErr
		}
		if err = answers[0].Err; postback.CodeOf(err) == postback.CodeUnavailable {
			return err // the task comes again
		}
	}
	if err == nil {
		return nil
	}
	return s.reject(ctx, s.rejected(payload, err))
}

// reject records a rejected event, and logs it the first time: its producer gets no
// answer.
func (s *acceptStage) reject(ctx context.Context, event postback.Event) error {
	answers, err := s.ledger.Accept(ctx, []postback.Acceptance{{Event: event}})
	if err != nil {
		return fmt.Errorf("record rejected event: %w", err)
	}
	if !answers[0].Duplicate {
		s.logger.WarnContext(ctx, "queued event rejected", slog.String("event", event.ID), slog.String("rejection", event.Rejection))
	}
	return nil
}

// rejected is the record of a refused payload. Its id is made from its bytes,
// so that a task that comes twice leaves one record; it never takes the id
// that the producer meant, which a corrected event must still be able to have.
func (s *acceptStage) rejected(payload []byte, reason error) postback.Event {
	digest := sha256.Sum256(payload)
	return postback.Event{
		ID:         "rejected_" + hex.EncodeToString(digest[:16]),
		Data:       storable(payload[:min(len(payload), postback.MaxEventBytes)]),
		AcceptedAt: s.now(),
		Digest:     digest[:],
		Rejection:  reason.Error(),
	}
}

// storable is a payload as text that every ledger can keep: in UTF-8 and without
// NUL.
func storable(payload []byte) []byte {
	text := bytes.ToValidUTF8(payload, []byte("?"))
	return bytes.ReplaceAll(text, []byte{0}, []byte("?"))
}
