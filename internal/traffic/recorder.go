package traffic

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/waybillhq/waybill/internal/loop"
	"github.com/waybillhq/waybill/internal/retry"
	"github.com/waybillhq/waybill/postback"
)

const (
	// soonest and latest bound the pause between two flushes, and with it how late
	// the ledger has what was counted. In between it is pauses times as long as
	// the last flush took, so that flushing takes a hundredth of the time.
	soonest = 2 * time.Second
	latest  = 10 * time.Second
	pauses  = 100
	// saveBatch and pruneBatch are how many counts are written, or forgotten, at
	// once: everybody else who writes to an embedded ledger waits meanwhile.
	saveBatch  = 200
	pruneBatch = 1000
	// maxCounts bounds the counts in memory, at about a kilobyte each. There
	// is one for each endpoint that was sent to in this slot, and for those of
	// earlier slots that the ledger does not have yet.
	maxCounts = 50_000
	// maxCodes bounds the codes of an endpoint's errors in a slot; others count
	// as "other".
	maxCodes  = 16
	otherCode = "other"
)

// Ledger keeps what processes counted.
type Ledger interface {
	SaveCounts(ctx context.Context, process string, counted []postback.AttemptCounts) error
	PruneCounts(ctx context.Context, before time.Time, limit int) (int, error)
}

// Recorder counts the attempts of this process. It is safe for concurrent use.
type Recorder struct {
	ledger  Ledger
	now     func() time.Time
	logger  *slog.Logger
	process string // names this one, of all that ever ran
	room    int    // for counts

	mu     sync.Mutex
	slot   time.Time // that is counted now; it never goes back, whatever the clock does
	counts map[place]*count
	lost   int // attempts that there was no room for
	pruned time.Time
}

// place is where an attempt counts.
type place struct {
	endpointID string
	slot       time.Time
}

// count is a slot's counts, and how many attempts of it the ledger has.
type count struct {
	postback.AttemptCounts
	saved int
}

// NewRecorder makes a Recorder that goes by the given clock. Run brings what it
// counts to the ledger.
func NewRecorder(ledger Ledger, now func() time.Time, logger *slog.Logger) *Recorder {
	return &Recorder{ledger: ledger, now: now, logger: logger, process: rand.Text(), room: maxCounts, counts: map[place]*count{}}
}

// Observe counts an attempt that was made and recorded.
func (r *Recorder) Observe(endpointID string, attempt postback.Attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn(r.now())
	at := place{endpointID, r.slot}
	one, known := r.counts[at]
	if !known {
		if len(r.counts) >= r.room {
			r.lost++
			return
		}
		one = &count{AttemptCounts: postback.AttemptCounts{EndpointID: endpointID, Slot: r.slot, Errors: map[string]int{}, Latencies: map[int]int{}}}
		r.counts[at] = one
	}
	one.add(attempt)
}

// turn goes on to the slot of a time.
func (r *Recorder) turn(now time.Time) {
	if slot := slotOf(now); slot.After(r.slot) {
		r.slot = slot
	}
}

func (c *count) add(attempt postback.Attempt) {
	ended := attempt.StartedAt.Add(attempt.Duration).Truncate(time.Microsecond) // as ledgers keep it
	c.Attempts++
	c.Latencies[bucketOf(attempt.Duration)]++
	c.LastAttemptAt = later(c.LastAttemptAt, ended)
	if attempt.Outcome == postback.OutcomeSucceeded {
		c.Succeeded++
		c.LastSuccessAt = later(c.LastSuccessAt, ended)
		return
	}
	code := codeOf(attempt)
	if _, known := c.Errors[code]; !known && len(c.Errors) >= maxCodes {
		code = otherCode
	}
	c.Errors[code]++
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// codeOf is the code of an attempt's error. Of an answer that is no success it is
// the status: a 503 is the endpoint's fault, a 401 perhaps ours.
func codeOf(attempt postback.Attempt) string {
	switch {
	case attempt.Error != nil && attempt.Error.Code == retry.UnexpectedBody:
		return attempt.Error.Code
	case attempt.StatusCode != 0:
		return fmt.Sprintf("status_%d", attempt.StatusCode)
	case attempt.Error != nil:
		return attempt.Error.Code
	default:
		return otherCode
	}
}

// Run brings what is counted to the ledger every few seconds until ctx ends, and
// then once more. What is counted while the ledger is unavailable is written when it
// is back.
func (r *Recorder) Run(ctx context.Context) {
	loop.Run(ctx, loop.Job{Name: "save attempt counts", Pause: untilNextFlush, Logger: r.logger, Do: func(ctx context.Context) error {
		r.warnOfLost(ctx)
		return r.flush(ctx)
	}})
	loop.Last(ctx, r.logger, "the last counts of endpoints' traffic are lost", r.flush)
}

func untilNextFlush(last loop.Turn) time.Duration {
	return min(max(pauses*last.Took, soonest), latest)
}

func (r *Recorder) warnOfLost(ctx context.Context) {
	r.mu.Lock()
	lost := r.lost
	r.lost = 0
	r.mu.Unlock()
	if lost > 0 {
		r.logger.WarnContext(ctx, "attempt counts dropped: too many endpoints", slog.Int("attempts", lost))
	}
}

// flush writes what changed, and forgets what is too old.
func (r *Recorder) flush(ctx context.Context) error {
	for part := range slices.Chunk(r.unsaved(), saveBatch) {
		if err := r.ledger.SaveCounts(ctx, r.process, part); err != nil {
			return fmt.Errorf("save traffic: %w", err)
		}
		r.settle(part)
	}
	return r.prune(ctx)
}

// unsaved copies the counts that the ledger does not have as they are now.
func (r *Recorder) unsaved() []postback.AttemptCounts {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn(r.now())
	var all []postback.AttemptCounts
	for at, one := range r.counts {
		if one.saved < one.Attempts {
			all = append(all, one.copied())
		} else if at.slot.Before(r.slot) {
			delete(r.counts, at)
		}
	}
	return all
}

// settle notes what the ledger has.
func (r *Recorder) settle(written []postback.AttemptCounts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range written {
		r.counts[place{one.EndpointID, one.Slot}].saved = one.Attempts
	}
}

// prune forgets a batch of what is too old, once in a slot, or at every flush
// while there is more.
func (r *Recorder) prune(ctx context.Context) error {
	slot := slotOf(r.now())
	if !slot.After(r.pruned) {
		return nil
	}
	gone, err := r.ledger.PruneCounts(ctx, slot.Add(-kept), pruneBatch)
	if err != nil {
		return fmt.Errorf("forget traffic: %w", err)
	}
	if gone < pruneBatch {
		r.pruned = slot
	}
	return nil
}
