package outage_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric/noop"

	"github.com/waybillhq/waybill/internal/outage"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/sqlite"
	"github.com/waybillhq/waybill/store/storetest"
)

var errAway = errors.New("the ledger is away")

// ledger is a real one that may be away, and counts writes.
type ledger struct {
	*sqlite.Ledger

	away         bool
	noted, ended int
}

func (l *ledger) NoteOutage(ctx context.Context, one postback.Outage) error {
	if l.away {
		return errAway
	}
	l.noted++
	return l.Ledger.NoteOutage(ctx, one)
}

func (l *ledger) EndOutage(ctx context.Context, process string, at time.Time) error {
	l.ended++
	return l.Ledger.EndOutage(ctx, process, at)
}

// process is one whose egress path may be missing.
type process struct {
	*line
	*outage.Keeper

	missing *outage.Missing
}

func newProcess(t *testing.T, name string, ledger outage.Ledger) *process {
	t.Helper()
	logger, _ := testkit.NewLogger()
	p := &process{line: newLine()}
	made, err := outage.NewKeeper(outage.Options{
		Monitor: p.Monitor, Ledger: ledger, Process: name, Meter: noop.NewMeterProvider().Meter(""), Logger: logger,
		Check: func(context.Context) *outage.Missing { return p.missing },
		Now:   func() time.Time { return p.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Keeper = made
	return p
}

// look looks each second for a while.
func (p *process) look(t *testing.T, seconds int) {
	t.Helper()
	for range seconds {
		p.pass(time.Second)
		if err := p.Look(t.Context(), p.now); err != nil {
			t.Fatal(err)
		}
	}
}

// expectAlerts checks which notices there are.
func expectAlerts(t *testing.T, ledger *ledger, want ...string) []postback.Notice {
	t.Helper()
	found, err := ledger.Notices(t.Context(), storetest.After(time.Hour), 100)
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, one := range found {
		types = append(types, one.Type)
	}
	if !slices.Equal(types, want) {
		t.Fatalf("notices are %q, want %q", types, want)
	}
	return found
}

func TestAnOutageIsAlertedOnceByAllProcesses(t *testing.T) {
	t.Parallel()
	shared := &ledger{Ledger: testkit.NewParts(t).Ledger}
	a, b := newProcess(t, "a", shared), newProcess(t, "b", shared)
	a.look(t, 60)
	if shared.noted+shared.ended > 0 {
		t.Error("a process without an outage writes to the ledger")
	}
	b.now = a.now
	a.missing = &outage.Missing{Code: "egress_address_unavailable", Message: "it is gone"}
	b.missing = a.missing
	for range 100 {
		a.look(t, 1)
		b.look(t, 1)
	}
	down := expectAlerts(t, shared, postback.NoticeDown)[0].Outage
	if down.Process != "a" || down.Reason != "egress_address_unavailable" || down.Message != "it is gone" {
		t.Errorf("it says %+v", down)
	}
	if shared.noted > 22 {
		t.Errorf("in 100 s two processes wrote it %d times", shared.noted)
	}
	a.missing = nil
	a.look(t, 100)
	b.look(t, 100)
	expectAlerts(t, shared, postback.NoticeDown)
	b.missing = nil
	b.look(t, 100)
	expectAlerts(t, shared, postback.NoticeDown, postback.NoticeUp)
}

// A process that was killed in its outage is gone from it after a while.
func TestAProcessThatIsGoneEndsItsOutage(t *testing.T) {
	t.Parallel()
	shared := &ledger{Ledger: testkit.NewParts(t).Ledger}
	a, b := newProcess(t, "a", shared), newProcess(t, "b", shared)
	a.missing = &outage.Missing{Code: "egress_address_unavailable", Message: "it is gone"}
	a.look(t, 5)
	b.now = a.now
	b.look(t, 100)
	expectAlerts(t, shared, postback.NoticeDown)
	b.look(t, 40)
	expectAlerts(t, shared, postback.NoticeDown, postback.NoticeUp)
}

func TestAnOutageIsAlertedLaterWhenTheLedgerWasAway(t *testing.T) {
	t.Parallel()
	shared := &ledger{Ledger: testkit.NewParts(t).Ledger, away: true}
	a := newProcess(t, "a", shared)
	a.missing = &outage.Missing{Code: "egress_address_unavailable", Message: "it is gone"}
	if err := a.Look(t.Context(), a.now); !errors.Is(err, errAway) {
		t.Errorf("it says %v", err)
	}
	shared.away = false
	a.look(t, 1)
	expectAlerts(t, shared, postback.NoticeDown)
}

func TestAPartIsMissing(t *testing.T) {
	t.Parallel()
	if _, err := outage.NewKeeper(outage.Options{}); err == nil {
		t.Error("a Keeper without parts was made")
	}
}
