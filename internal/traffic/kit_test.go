package traffic_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/internal/traffic"
	"github.com/waybillhq/waybill/postback"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errAway = errors.New("the ledger is away")

// ledger keeps counts as a store does, can be away, and counts what is written.
type ledger struct {
	mu      sync.Mutex
	rows    map[row]postback.AttemptCounts
	away    bool
	takes   time.Duration // to write
	written int
	prunes  []time.Duration // how old what was to be forgotten was
	old     int             // that there is to forget
}

type row struct {
	process, endpointID string
	slot                time.Time
}

func newLedger() *ledger { return &ledger{rows: map[row]postback.AttemptCounts{}} }

func (l *ledger) SaveCounts(_ context.Context, process string, counted []postback.AttemptCounts) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away {
		return errAway
	}
	if l.takes > 0 {
		<-time.After(l.takes)
	}
	for _, one := range counted {
		l.rows[row{process, one.EndpointID, one.Slot}] = one
		l.written++
	}
	return nil
}

func (l *ledger) PruneCounts(_ context.Context, before time.Time, limit int) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away {
		return 0, errAway
	}
	l.prunes = append(l.prunes, time.Since(before))
	gone := min(limit, l.old)
	l.old -= gone
	return gone, nil
}

func (l *ledger) Counts(_ context.Context, endpointID string, slots []time.Time) ([]postback.AttemptCounts, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []postback.AttemptCounts
	for at, one := range l.rows {
		if at.endpointID == endpointID && slices.Contains(slots, at.slot) {
			found = append(found, one)
		}
	}
	return found, nil
}

func (l *ledger) FailureStreak(context.Context, string) (postback.FailureStreak, bool, error) {
	return postback.FailureStreak{}, false, nil
}

func (l *ledger) FailureStreaks(context.Context) ([]postback.FailureStreak, error) { return nil, nil }

func (l *ledger) Waiting(context.Context, string, int) (postback.Waiting, error) {
	return postback.Waiting{}, nil
}

func (l *ledger) Block(context.Context, string, time.Time) (postback.Block, bool, error) {
	return postback.Block{}, false, nil
}

func (l *ledger) Outages(context.Context) ([]postback.Outage, error) { return nil, nil }

func (l *ledger) set(change func(*ledger)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}

func (l *ledger) setAway(away bool) { l.set(func(l *ledger) { l.away = away }) }

// writes is how many counts were written since it was asked last.
func (l *ledger) writes() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.written
	l.written = 0
	return n
}

func newRecorder(over traffic.Ledger) (*traffic.Recorder, *testkit.Logs) {
	logger, logs := testkit.NewLogger()
	return traffic.NewRecorder(over, time.Now, logger), logs
}

// flush brings what a recorder counted to the ledger: its run begins and ends.
func flush(t *testing.T, recorder *traffic.Recorder) {
	t.Helper()
	ended, end := context.WithCancel(t.Context())
	end()
	recorder.Run(ended)
}

// lately is the traffic of "ep_1" in a window before now.
func lately(t *testing.T, from sources, window time.Duration) postback.Traffic {
	t.Helper()
	health, err := reader(from).Health(t.Context(), postback.Endpoint{ID: "ep_1"}, window)
	if err != nil {
		t.Fatal(err)
	}
	return health.Traffic
}

// ended is an attempt that ends now.
func ended(took time.Duration, status int, code string) postback.Attempt {
	attempt := postback.Attempt{StartedAt: time.Now().UTC().Add(-took), Duration: took, Outcome: postback.OutcomeSucceeded, StatusCode: status}
	if code != "" {
		attempt.Outcome, attempt.Error = postback.OutcomeFailed, &postback.AttemptError{Code: code}
	}
	return attempt
}

func good(took time.Duration) postback.Attempt { return ended(took, 200, "") }
