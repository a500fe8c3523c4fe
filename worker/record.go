package worker

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/waybillhq/waybill/postback"
)

// Recorder writes to the ledger what became of a delivery.
type Recorder interface {
	// Record writes an attempt and the delivery's next state together. CodeConflict
	// or CodeNotFound when the delivery does not wait for this attempt any more.
	Record(ctx context.Context, move postback.Transition) error
}

// RecordOptions are the parts that record.
type RecordOptions struct {
	Ledger Recorder
	// StoredBody is how much of an answer's body is kept, in bytes.
	StoredBody int
}

// maxRecording is how long a worker holds on to an attempt that was made and
// cannot be recorded. After it the attempt would be made again.
const maxRecording = 90 * time.Second

// recordStage writes the attempt and what was decided to the ledger.
type recordStage struct {
	ledger     Recorder
	ledgerDown *atomic.Bool // for load
	storedBody int
	metrics    metrics
	now        func() time.Time
	logger     *slog.Logger
}

// write writes the move, and keeps trying while the ledger is down: an attempt that
// was made and not recorded would be made again.
func (s *recordStage) write(ctx context.Context, d *delivery) error {
	tries := 0
	err := backoff.Retry(func() error {
		tries++
		return s.try(ctx, d.move)
	}, recording())
	switch code := postback.CodeOf(err); {
	case err == nil:
		s.metrics.moved(ctx, d.move)
		return nil
	case code == postback.CodeConflict, code == postback.CodeNotFound:
		s.logRefused(ctx, d, tries)
		return nil
	default:
		return fmt.Errorf("record attempt: %w", err)
	}
}

// logRefused logs that the delivery does not wait for the attempt any more. When the
// ledger failed to answer before, that may be because it had written the move.
func (s *recordStage) logRefused(ctx context.Context, d *delivery, tries int) {
	logger := s.logger.With(slog.String("delivery", d.Delivery.ID),
		slog.Int("attempt", d.move.Ref.Attempt), slog.Bool("sent", d.move.Attempt != nil))
	if tries > 1 {
		logger.InfoContext(ctx, "result recorded by an earlier try, or delivery changed meanwhile", slog.Int("tries", tries))
		return
	}
	logger.WarnContext(ctx, "delivery changed meanwhile, result not applied")
}

func (s *recordStage) try(ctx context.Context, move postback.Transition) error {
	err := s.ledger.Record(ctx, move)
	switch postback.CodeOf(err) {
	case postback.CodeConflict, postback.CodeNotFound:
		return backoff.Permanent(err) //nolint:wrapcheck // write handles it
	default:
		s.ledgerDown.Store(err != nil)
		return err //nolint:wrapcheck // write wraps it
	}
}

func recording() backoff.BackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(50*time.Millisecond),
		backoff.WithMaxInterval(2*time.Second),
		backoff.WithMaxElapsedTime(maxRecording),
		backoff.WithRandomizationFactor(0), // writes that come together share a transaction
	)
}
