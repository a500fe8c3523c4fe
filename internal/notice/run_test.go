package notice_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/metric/noop"

	"github.com/waybillhq/waybill/internal/notice"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

// mute is a ledger without news, and counts how often it is asked.
type mute struct {
	away         atomic.Bool
	asked, sums  atomic.Int64
	lastWindowAt atomic.Pointer[time.Time]
}

func (m *mute) SumDeadLetters(_ context.Context, before time.Time) error {
	m.sums.Add(1)
	m.lastWindowAt.Store(&before)
	if m.away.Load() {
		return errAway
	}
	return nil
}

func (m *mute) Notices(context.Context, time.Time, int) ([]postback.Notice, error) {
	m.asked.Add(1)
	if m.away.Load() {
		return nil, errAway
	}
	return nil, nil
}

func (m *mute) Unmatched(context.Context, time.Time, time.Time, int) ([]postback.Unmatched, error) {
	return nil, nil
}

func (m *mute) ForgetNotice(context.Context, string) (bool, error) { return false, nil }

func (m *mute) NoteBlock(context.Context, postback.Block) error { return nil }

func (m *mute) Endpoint(string) (postback.Endpoint, bool) { return postback.Endpoint{}, false }
func (m *mute) All() []postback.Endpoint                  { return nil }
func (m *mute) Open(string) bool                          { return false }

func (m *mute) Accept(context.Context, []postback.Event) ([]postback.Acceptance, error) {
	return nil, nil
}

// It looks each second, sums up once for each window, and says once of an outage
// that nothing is sent.
func TestRunning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		logger, logs := testkit.NewLogger()
		there := &mute{}
		notifier, err := notice.New(notice.Options{
			Ledger: there, Findings: there, Endpoints: there, Circuits: there, Intake: there, Identity: "ledger-1", Window: time.Minute,
			Meter: noop.NewMeterProvider().Meter("test"), Logger: logger,
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			notifier.Run(ctx)
		}()
		began := time.Now()                       // on a whole minute: the bubble's clock begins at midnight
		time.Sleep(3*time.Minute - time.Second/2) //nolint:forbidigo // of the bubble's clock
		if asked, sums := there.asked.Load(), there.sums.Load(); asked != 179 || sums != 3 {
			t.Errorf("in three minutes it asked %d times for news and %d times for dead letters", asked, sums)
		}
		if last := *there.lastWindowAt.Load(); !last.Equal(began.Add(2 * time.Minute)) {
			t.Errorf("the last window ended %s after the first look", last.Sub(began))
		}
		for _, away := range []bool{true, false, true, false} {
			there.away.Store(away)
			time.Sleep(10 * time.Second) //nolint:forbidigo // of the bubble's clock
		}
		cancel()
		<-ended
		if lines := logs.With("background job failing, will retry"); len(lines) != 2 {
			t.Errorf("%d lines about two outages", len(lines))
		}
	})
}

func TestAPartIsMissing(t *testing.T) {
	t.Parallel()
	there, logger := &mute{}, testkit.NewParts(t).Logger
	whole := notice.Options{
		Ledger: there, Findings: there, Endpoints: there, Circuits: there, Intake: there, Identity: "ledger-1", Window: time.Minute, Meter: noop.NewMeterProvider().Meter("test"), Logger: logger,
	}
	for name, lack := range map[string]func(*notice.Options){
		"Ledger":    func(o *notice.Options) { o.Ledger = nil },
		"Findings":  func(o *notice.Options) { o.Findings = nil },
		"Endpoints": func(o *notice.Options) { o.Endpoints = nil },
		"Circuits":  func(o *notice.Options) { o.Circuits = nil },
		"Intake":    func(o *notice.Options) { o.Intake = nil },
		"Identity":  func(o *notice.Options) { o.Identity = "" },
		"Window":    func(o *notice.Options) { o.Window = 0 },
		"Meter":     func(o *notice.Options) { o.Meter = nil },
		"Logger":    func(o *notice.Options) { o.Logger = nil },
	} {
		options := whole
		lack(&options)
		if _, err := notice.New(options); err == nil {
			t.Errorf("a Notifier without %s was made", name)
		}
	}
	if _, err := notice.New(whole); err != nil {
		t.Error(err)
	}
}
