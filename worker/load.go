package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/postback"
)

// Deliveries reads deliveries from the ledger.
type Deliveries interface {
	// Due reads a delivery with its event. CodeConflict or CodeNotFound when it does
	// not wait for this attempt.
	Due(ctx context.Context, ref postback.Ref) (postback.Due, error)
	Ping(ctx context.Context) error
}

// loadStage reads the delivery that a task is about.
type loadStage struct {
	ledger Deliveries
	// ledgerDown is set by record: nothing is sent before the ledger answers again,
	// since nothing could be recorded.
	ledgerDown *atomic.Bool
	logger     *slog.Logger

	mu         sync.Mutex
	inProgress map[postback.Ref]bool
}

// errInProgress is for a task of an attempt that this process is making already.
var errInProgress = errors.New("the same attempt is under way")

// claim keeps other tasks of the same attempt out until it is released. They come
// again and ask the ledger: the attempt is being made, or its delivery was parked a
// moment ago and is released already.
func (s *loadStage) claim(ref postback.Ref) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inProgress[ref] {
		return errInProgress
	}
	s.inProgress[ref] = true
	return nil
}

func (s *loadStage) release(ref postback.Ref) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.inProgress, ref)
}

// read gives the delivery and its event: from the task, or from the ledger when
// the task is too small to hold them or may be stale. It is nil when the delivery
// does not wait for this attempt any more.
func (s *loadStage) read(ctx context.Context, t task.Attempt) (*delivery, error) {
	if err := s.awaitLedger(ctx); err != nil {
		return nil, err
	}
	if t.Due != nil && !t.Recheck {
		return &delivery{Due: t.Due}, nil
	}
	due, err := s.ledger.Due(ctx, t.Ref)
	switch code := postback.CodeOf(err); {
	case err == nil:
		return &delivery{Due: &due}, nil
	case code == postback.CodeConflict, code == postback.CodeNotFound:
		s.logger.DebugContext(ctx, "stale task dropped", slog.String("delivery", t.Ref.DeliveryID), slog.Int("attempt", t.Ref.Attempt))
		return nil, nil //nolint:nilnil // nothing is due, and nothing is wrong
	default:
		return nil, fmt.Errorf("read delivery: %w", err)
	}
}

// awaitLedger checks that the ledger answers again after a write failed.
func (s *loadStage) awaitLedger(ctx context.Context) error {
	if !s.ledgerDown.Load() {
		return nil
	}
	if err := s.ledger.Ping(ctx); err != nil {
		return fmt.Errorf("wait for the ledger: %w", err)
	}
	s.ledgerDown.Store(false)
	return nil
}
