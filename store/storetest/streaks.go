package storetest

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/waybillhq/waybill/postback"
)

func streakTests() []test {
	return []test{
		{"begin with a failure that is noted and grow", streakNoted},
		{"open a circuit once", streakOpens},
		{"send the oldest parked delivery as a probe", streakProbes},
		{"send one probe of many", streakProbesOnce},
		{"have no probe when nothing is parked", streakNothingParked},
		{"end once", streakEnds},
		{"end with their endpoint", streakOfDeleted},
		{"end when their endpoint is enabled again, not when it is resumed", streakOfEnabled},
		{"tell what changed since a mark", streakChanges},
		{"report every change, however many make them", streakChangesOfMany},
	}
}

// streak reads an endpoint's streak.
func (k kit) streak(endpointID string) postback.FailureStreak {
	k.Helper()
	streak, found, err := k.FailureStreak(k.ctx(), endpointID)
	k.must(err)
	same(k, "is failing", found, true)
	return streak
}

// note notes failures of which the first and the last were a second apart.
func (k kit) note(endpointID string, since time.Time, failures int, lastError string) {
	k.Helper()
	k.must(k.NoteFailures(k.ctx(), postback.FailureStreak{
		EndpointID: endpointID, Since: since, FailedAt: since.Add(time.Second), Failures: failures, LastError: lastError,
	}))
}

// open brings an endpoint into a failure streak with an open circuit.
func (k kit) open(endpointID string) postback.FailureStreak {
	k.Helper()
	k.note(endpointID, Noon(), 10, "timeout")
	opened, err := k.OpenCircuit(k.ctx(), endpointID, After(time.Second), After(6*time.Second))
	k.must(err)
	same(k, "opened", opened, true)
	return k.streak(endpointID)
}

func streakNoted(k kit) {
	all, err := k.FailureStreaks(k.ctx())
	k.must(err)
	same(k, "number of streaks", len(all), 0)
	k.note("ep_2", After(time.Minute), 3, "timeout")
	k.note("ep_2", Noon(), 4, "status_not_200")
	k.note("ep_1", After(time.Hour), 1, "refused")
	k.note("ep_2", After(time.Hour), 2, "timeout")
	all, err = k.FailureStreaks(k.ctx())
	k.must(err)
	same(k, "streaks", all, []postback.FailureStreak{
		{EndpointID: "ep_1", Since: After(time.Hour), FailedAt: After(time.Hour + time.Second), Failures: 1, LastError: "refused"},
		{EndpointID: "ep_2", Since: Noon(), FailedAt: After(time.Hour + time.Second), Failures: 9, LastError: "timeout"},
	})
}

func streakOpens(k kit) {
	opened, err := k.OpenCircuit(k.ctx(), "ep_1", Noon(), After(time.Minute))
	k.must(err)
	same(k, "opened without a streak", opened, false)
	want := postback.FailureStreak{
		EndpointID: "ep_1", Since: Noon(), FailedAt: After(time.Second), Failures: 10, LastError: "timeout", OpenedAt: After(time.Second), TriedAt: After(time.Second), ProbeAt: After(6 * time.Second),
	}
	same(k, "streak", k.open("ep_1"), want)
	opened, err = k.OpenCircuit(k.ctx(), "ep_1", After(time.Hour), After(2*time.Hour))
	k.must(err)
	same(k, "opened again", opened, false)
	k.note("ep_1", After(time.Minute), 1, "dns")
	want.Failures, want.FailedAt, want.LastError = 11, After(time.Minute+time.Second), "dns"
	same(k, "streak", k.streak("ep_1"), want)
}

func streakProbes(k kit) {
	streak := k.open("ep_1")
	k.parked("ep_1", postback.ReasonOrdered, Noon())
	young, old := k.parked("ep_1", postback.ReasonCircuitOpen, After(2*time.Second)), k.parked("ep_1", postback.ReasonPaused, After(time.Second))
	sent, err := k.Probe(k.ctx(), streak, After(6*time.Second), After(16*time.Second))
	k.must(err)
	same(k, "sent", sent, true)
	streak.Probes, streak.TriedAt, streak.ProbeAt = 1, After(6*time.Second), After(16*time.Second)
	same(k, "streak", k.streak("ep_1"), streak)
	old.State, old.Reason, old.Probe = postback.Pending, "", true
	old.NextAttemptAt, old.SweepAt = After(6*time.Second), After(6*time.Second)
	same(k, "probe", k.stored(old.ID), old)
	same(k, "the other", k.stored(young.ID), young)
	claimed, err := k.Claim(k.ctx(), postback.Claim{Now: After(6 * time.Second), Next: After(time.Hour), Limit: 10})
	k.must(err)
	same(k, "claimed as a probe", len(claimed) == 1 && claimed[0].Delivery.Probe, true)
	due, err := k.Due(k.ctx(), old.Ref())
	k.must(err)
	same(k, "due as a probe", due.Delivery.Probe, true)

	after := k.record(Retry(old.Ref()))
	same(k, "a probe after its attempt", after.Probe, false)
}

func streakProbesOnce(k kit) {
	streak := k.open("ep_1")
	for range 20 {
		k.parked("ep_1", postback.ReasonCircuitOpen, Noon())
	}
	var mu sync.Mutex
	won := 0
	together(10, func(int) {
		sent, err := k.Probe(k.ctx(), streak, After(6*time.Second), After(16*time.Second))
		if err != nil {
			k.Errorf("probe: %v", err)
		}
		mu.Lock()
		defer mu.Unlock()
		if sent {
			won++
		}
	})
	same(k, "number that won", won, 1)
	n, err := k.CountDeliveries(k.ctx(), postback.DeliveryFilter{States: []postback.State{postback.Pending}})
	k.must(err)
	same(k, "number released", n, 1)
}

func streakNothingParked(k kit) {
	streak := k.open("ep_1")
	k.parked("ep_2", postback.ReasonCircuitOpen, Noon())
	k.parked("ep_1", postback.ReasonOrdered, Noon())
	sent, err := k.Probe(k.ctx(), streak, After(6*time.Second), After(16*time.Second))
	k.must(err)
	same(k, "sent", sent, false)
	same(k, "streak", k.streak("ep_1"), streak)
	sent, err = k.Probe(k.ctx(), postback.FailureStreak{EndpointID: "ep_3"}, Noon(), Noon())
	k.must(err)
	same(k, "sent to one without a streak", sent, false)
}

func streakEnds(k kit) {
	want := k.open("ep_1")
	var mu sync.Mutex
	var got []string
	together(10, func(int) {
		streak, found, err := k.Recover(k.ctx(), "ep_1", After(time.Minute))
		if err != nil {
			k.Errorf("recover: %v", err)
		}
		mu.Lock()
		defer mu.Unlock()
		if found {
			got = append(got, fmt.Sprint(streak))
		}
	})
	same(k, "streaks that ended", got, []string{fmt.Sprint(want)})
	_, found, err := k.FailureStreak(k.ctx(), "ep_1")
	k.must(err)
	same(k, "found afterwards", found, false)
	all, err := k.FailureStreaks(k.ctx())
	k.must(err)
	same(k, "number of streaks", len(all), 0)
}

func streakOfDeleted(k kit) {
	for _, id := range []string{"ep_1", "ep_2"} {
		saved, err := k.SaveEndpoint(k.ctx(), Endpoint(id))
		k.must(err)
		k.open(id)
		saved.Description = "changed"
		saved, err = k.SaveEndpoint(k.ctx(), saved)
		k.must(err)
		k.streak(id) // is still there
		if id == "ep_2" {
			saved.State = postback.EndpointDeleted
			_, err = k.SaveEndpoint(k.ctx(), saved)
			k.must(err)
		}
	}
	all, err := k.FailureStreaks(k.ctx())
	k.must(err)
	same(k, "number of streaks", len(all), 1)
	same(k, "failing endpoint", all[0].EndpointID, "ep_1")
}

func streakOfEnabled(k kit) {
	for id, before := range map[string]postback.EndpointState{"ep_1": postback.EndpointDisabled, "ep_2": postback.EndpointPaused} {
		endpoint := Endpoint(id)
		endpoint.State = before
		if before == postback.EndpointDisabled {
			endpoint.DisabledReason, endpoint.DisabledAt = postback.DisabledFailing, Noon()
		}
		saved, err := k.SaveEndpoint(k.ctx(), endpoint)
		k.must(err)
		k.open(id)
		saved.State, saved.DisabledReason, saved.DisabledAt = postback.EndpointEnabled, "", time.Time{}
		_, err = k.SaveEndpoint(k.ctx(), saved)
		k.must(err)
	}
	all, err := k.FailureStreaks(k.ctx())
	k.must(err)
	same(k, "number of streaks", len(all), 1)
	same(k, "failing endpoint", all[0].EndpointID, "ep_2")
}

// follower follows the streaks by what changed.
type follower struct {
	k     kit
	mark  int64
	known map[string]postback.FailureStreak
}

// look reads what changed, and returns which endpoints had changed.
func (f *follower) look() (changed []string) {
	f.k.Helper()
	changes, err := f.k.StreaksSince(f.k.ctx(), f.mark)
	f.k.must(err)
	if changes.All {
		f.known = map[string]postback.FailureStreak{}
	}
	for _, one := range changes.Changed {
		f.known[one.EndpointID] = one
		changed = append(changed, one.EndpointID)
	}
	for _, id := range changes.Ended {
		delete(f.known, id)
		changed = append(changed, id)
	}
	f.mark = changes.Mark
	return changed
}

// expect checks that the next look reports some endpoints, and that the follower
// knows then what the ledger has.
func (f *follower) expect(ids ...string) {
	f.k.Helper()
	changed := f.look()
	for _, id := range ids {
		same(f.k, "change of "+id, slices.Contains(changed, id), true)
	}
	all, err := f.k.FailureStreaks(f.k.ctx())
	f.k.must(err)
	same(f.k, "number of streaks", len(f.known), len(all))
	for _, one := range all {
		same(f.k, "streak", f.known[one.EndpointID], one)
	}
}

func streakChanges(k kit) {
	f := &follower{k: k}
	f.expect()
	for _, id := range []string{"ep_1", "ep_2", "ep_3"} {
		saved, err := k.SaveEndpoint(k.ctx(), Endpoint(id))
		k.must(err)
		k.note(id, Noon(), 3, "timeout")
		defer func() { // a deleted endpoint's ends
			saved.State = postback.EndpointDeleted
			_, err := k.SaveEndpoint(k.ctx(), saved)
			k.must(err)
			f.expect(id)
		}()
	}
	f.expect("ep_1", "ep_2", "ep_3")
	steps := []func(){
		func() { k.note("ep_2", After(time.Minute), 1, "dns") },
		func() { k.open("ep_2") },
		func() {
			k.parked("ep_2", postback.ReasonCircuitOpen, Noon())
			sent, err := k.Probe(k.ctx(), k.streak("ep_2"), After(6*time.Second), After(16*time.Second))
			k.must(err)
			same(k, "sent", sent, true)
		},
		func() {
			_, found, err := k.Recover(k.ctx(), "ep_2", After(time.Minute))
			k.must(err)
			same(k, "recovered", found, true)
		},
		func() { k.note("ep_2", After(time.Hour), 1, "dns") },
	}
	for _, step := range steps {
		step()
		f.expect("ep_2")
	}
	late := &follower{k: k}
	late.expect("ep_1", "ep_2", "ep_3")
}

func streakChangesOfMany(k kit) {
	f := &follower{k: k}
	f.look()
	writers := make(chan struct{})
	go func() {
		defer close(writers)
		together(8, func(i int) {
			for n := range 30 {
				id := fmt.Sprintf("ep_%d", (i+n)%10)
				if err := k.NoteFailures(k.ctx(), postback.FailureStreak{EndpointID: id, Since: Noon(), FailedAt: After(time.Duration(n) * time.Second), Failures: 1}); err != nil {
					k.Errorf("note failures: %v", err)
				}
				if n%3 == 0 {
					if _, _, err := k.Recover(k.ctx(), id, Noon()); err != nil {
						k.Errorf("recover: %v", err)
					}
				}
			}
		})
	}()
	for writing := true; writing; {
		select {
		case <-writers:
			writing = false
		default:
		}
		f.look()
	}
	f.expect()
	same(k, "number of marks", f.mark > 0, true)
}
