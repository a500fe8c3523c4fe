package circuit_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waybillhq/waybill/internal/circuit"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

const day = 24 * time.Hour

func limit() circuit.Limit { return circuit.Limit{After: 72 * time.Hour, Failures: 20} }

func TestTheLimit(t *testing.T) {
	t.Parallel()
	never, enabled := circuit.Limit{Failures: 20}, postback.EndpointEnabled
	for name, tt := range map[string]struct {
		limit    circuit.Limit
		failures int
		lasted   time.Duration // from the first failure to the last
		changed  time.Duration // after the first failure
		state    postback.EndpointState
		want     bool
	}{
		"long and often enough":        {limit(), 20, 72 * time.Hour, -day, enabled, true},
		"longer and more often":        {limit(), 900, 30 * day, -day, enabled, true},
		"not often enough":             {limit(), 19, 30 * day, -day, enabled, false},
		"not long enough":              {limit(), 9000, 72*time.Hour - 1, -day, enabled, false},
		"never":                        {never, 9000, 300 * day, -day, enabled, false},
		"changed in between":           {limit(), 900, 5 * day, 3 * day, enabled, false},
		"changed long enough ago":      {limit(), 900, 6 * day, 3 * day, enabled, true},
		"paused":                       {limit(), 900, 30 * day, -day, postback.EndpointPaused, false},
		"disabled already":             {limit(), 900, 30 * day, -day, postback.EndpointDisabled, false},
		"deleted":                      {limit(), 900, 30 * day, -day, postback.EndpointDeleted, false},
		"no failure that was noted so": {limit(), 900, -30 * day, -day, enabled, false},
	} {
		streak := postback.FailureStreak{EndpointID: "ep_1", Since: at(0), FailedAt: at(tt.lasted), Failures: tt.failures}
		endpoint := postback.Endpoint{ID: "ep_1", State: tt.state, UpdatedAt: at(tt.changed)}
		if got := tt.limit.Reached(streak, endpoint); got != tt.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}

// switches are what endpoints were disabled for.
type switches struct {
	mu        sync.Mutex
	endpoints map[string]postback.Endpoint
	all       []string
	fail      error
}

func (s *switches) Endpoint(id string) (postback.Endpoint, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	endpoint, known := s.endpoints[id]
	return endpoint, known
}

func (s *switches) Disable(_ context.Context, id string, seen int64, reason string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	endpoint := s.endpoints[id]
	if endpoint.State != postback.EndpointDisabled {
		s.all = append(s.all, fmt.Sprintf("%s of revision %d: %s", id, seen, reason))
	}
	endpoint.State = postback.EndpointDisabled
	s.endpoints[id] = endpoint
	return nil
}

func (s *switches) expect(t *testing.T, want ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.all, want) {
		t.Errorf("disabled were %q, want %q", s.all, want)
	}
}

func newSwitches() *switches {
	return &switches{endpoints: map[string]postback.Endpoint{
		"ep_1": {ID: "ep_1", State: postback.EndpointEnabled, Revision: 7, UpdatedAt: at(-day)},
	}}
}

// disabler is one of the process whose Breaker it is.
func (b *bench) disabler(t *testing.T, breaker *circuit.Breaker, s *switches) *circuit.Disabler {
	t.Helper()
	logger, logs := testkit.NewLogger()
	b.logs = logs
	made, err := circuit.NewDisabler(circuit.DisablerOptions{Breaker: breaker, Endpoints: s, Switch: s, Limit: limit(), Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func lookAt(t *testing.T, all ...*circuit.Disabler) {
	t.Helper()
	for _, one := range all {
		if err := one.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// An endpoint that fails for three days, of which only probes are sent, is
// disabled by whichever process looks first, and not before.
func TestAnEndpointThatOnlyFailsIsDisabled(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSwitches()
	one, two := b.process(t), b.process(t)
	disablers := []*circuit.Disabler{b.disabler(t, one, s), b.disabler(t, two, s)}
	fail(t, one, 10, at(0))
	for hours := 1; hours < 72; hours++ { // a probe each hour, by one or the other
		refresh(t, one, two)
		lookAt(t, disablers...)
		fail(t, []*circuit.Breaker{one, two}[hours%2], 1, at(time.Duration(hours)*time.Hour))
	}
	s.expect(t)
	fail(t, two, 1, at(72*time.Hour))
	refresh(t, one, two)
	lookAt(t, disablers...)
	lookAt(t, disablers...)
	s.expect(t, "ep_1 of revision 7: failing")
	if got := b.streak(t); got.Failures != 82 || !got.FailedAt.Equal(at(72*time.Hour)) {
		t.Errorf("the ledger has %+v", got)
	}
}

// One success in between and the time begins anew, also in a process that has
// counted failures that no other knows of.
func TestASuccessBeginsTheTimeAnew(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSwitches()
	one, two := b.process(t), b.process(t)
	disabler := b.disabler(t, two, s)
	fail(t, two, 9, at(0)) // no circuit opens
	for hours := range 70 {
		fail(t, two, 1, at(time.Duration(hours+1)*time.Hour))
	}
	fail(t, two, 2, at(70*time.Hour+time.Second)) // not noted yet
	refresh(t, one)
	one.Succeeded(t.Context(), "ep_1", false, at(70*time.Hour+10*time.Second))
	refresh(t, one, two)
	again := at(70*time.Hour + 20*time.Second)
	fail(t, two, 10, again)
	for hours := range 71 {
		fail(t, two, 1, again.Add(time.Duration(hours+1)*time.Hour))
	}
	refresh(t, two)
	lookAt(t, disabler)
	s.expect(t)
	if got := b.streak(t); !got.Since.Equal(again) {
		t.Errorf("it fails since %s", got.Since)
	}
}

// A process that has not heard of the success asks before it disables.
func TestAProcessThatIsBehindAsksFirst(t *testing.T) {
	t.Parallel()
	b, s := setup(t), newSwitches()
	one, two := b.process(t), b.process(t)
	disabler := b.disabler(t, two, s)
	for i := range 4 {
		fail(t, two, 10, at(time.Duration(i)*time.Minute))
	}
	fail(t, two, 1, at(80*time.Hour))
	refresh(t, one, two)
	one.Succeeded(t.Context(), "ep_1", true, at(80*time.Hour))
	lookAt(t, disabler)
	s.expect(t)
}

// What one process remembers of long ago does not begin a failure streak then: another
// may have seen successes since.
func TestAStreakBeginsLately(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one := b.process(t)
	fail(t, one, 1, at(0))
	fail(t, one, 1, at(10*time.Hour))
	fail(t, one, 1, at(20*time.Hour))
	if got := b.streak(t); !got.Since.Equal(at(20*time.Hour)) || got.Failures != 3 {
		t.Errorf("the ledger has %+v", got)
	}
}

// Whoever enables an endpoint again does not see it disabled at its next failure.
func TestEnablingBeginsAnew(t *testing.T) {
	t.Parallel()
	parts := testkit.NewParts(t)
	endpoint := parts.Create(t, postback.EndpointSpec{Scheme: "besitos", EndpointSettings: postback.EndpointSettings{URL: "https://receiver.example.com/"}})
	disabler, err := circuit.NewDisabler(circuit.DisablerOptions{
		Breaker: parts.Breaker, Endpoints: parts.Registry, Switch: parts.Endpoints, Limit: limit(), Logger: parts.Logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	expect := func(want postback.EndpointState, reason string) {
		t.Helper()
		lookAt(t, disabler)
		if now, _ := parts.Registry.Endpoint(endpoint.ID); now.State != want || now.DisabledReason != reason {
			t.Fatalf("the endpoint is %s %q, want %s", now.State, now.DisabledReason, want)
		}
	}
	began := endpoint.UpdatedAt
	for range 10 {
		parts.Breaker.Failed(t.Context(), endpoint.ID, "timeout", began)
	}
	for i := range 7 {
		expect(postback.EndpointEnabled, "")
		for range 10 {
			parts.Breaker.Failed(t.Context(), endpoint.ID, "timeout", began.Add(time.Duration(i)*day/2+time.Minute))
		}
		refresh(t, parts.Breaker)
	}
	expect(postback.EndpointDisabled, postback.DisabledFailing)

	if _, err := parts.Endpoints.Resume(t.Context(), endpoint.ID); err != nil {
		t.Fatal(err)
	}
	refresh(t, parts.Breaker)
	if parts.Breaker.Open(endpoint.ID) {
		t.Error("its circuit is still open")
	}
	for range 30 { // by the clock of an engine that runs on
		parts.Breaker.Failed(t.Context(), endpoint.ID, "timeout", began.Add(5*day))
	}
	refresh(t, parts.Breaker)
	all, err := parts.Ledger.FailureStreaks(t.Context())
	if err != nil || len(all) != 1 || !all[0].Since.Equal(began.Add(5*day)) || all[0].Failures > 30 {
		t.Errorf("the ledger has %+v, %v", all, err)
	}
	// Even by its clock no three days of failures have passed since.
	if (circuit.Limit{After: 3 * day, Failures: 20}).Reached(all[0], endpoint) {
		t.Error("it would be disabled at once")
	}
	expect(postback.EndpointEnabled, "")
}

func TestDisablingIsTriedAgain(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err    error
		logged int
	}{
		"away":    {errAway, 2}, // once for each outage
		"changed": {postback.Failure(postback.CodeConflict, "changed"), 0},
		"deleted": {postback.Failure(postback.CodeNotFound, "gone"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, s, there := &bench{}, newSwitches(), &mute{}
				one := b.process(t, func(o *circuit.Options) { o.Ledger, o.Prober = there, there })
				refresh(t, one)
				runs(t, b.disabler(t, one, s), s, tt.err)
				if lines := b.logs.With("background job failing, will retry"); len(lines) != tt.logged {
					t.Errorf("the log says %s", b.logs)
				}
				s.expect(t, "ep_1 of revision 7: failing", "ep_1 of revision 7: failing")
			})
		})
	}
}

// runs has a Disabler run through two times in which nothing can be disabled,
// for an endpoint that is enabled at the beginning of each.
func runs(t *testing.T, disabler *circuit.Disabler, s *switches, failure error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		disabler.Run(ctx, time.Second)
	}()
	for range 2 {
		for _, fail := range []error{failure, nil} {
			s.mu.Lock()
			if s.fail = fail; fail != nil {
				s.endpoints = newSwitches().endpoints
			}
			s.mu.Unlock()
			time.Sleep(10 * time.Second) //nolint:forbidigo // of the bubble's clock
		}
	}
	cancel()
	<-ended
}
