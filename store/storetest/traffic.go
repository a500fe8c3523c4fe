package storetest

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/waybillhq/waybill/postback"
)

func trafficTests() []test {
	return []test{
		{"is read back whole", trafficWhole},
		{"is written again in place of what the process wrote", trafficAgain},
		{"is each process's own", trafficProcesses},
		{"is read by endpoint and slot", trafficPicked},
		{"of nobody is none", trafficNone},
		{"is forgotten by slots, up to the limit", trafficPruned},
		{"is written and forgotten by many at once", trafficTogether},
	}
}

// tally builds what was counted in a slot.
func tally(endpointID string, slot time.Time, attempts int) postback.Tally {
	return postback.Tally{
		EndpointID: endpointID, Slot: slot, Attempts: attempts, Succeeded: attempts - 1,
		Errors:        map[string]int{"status_503": 1},
		Latencies:     map[int]int{0: 1, 255: attempts - 1},
		LastAttemptAt: slot.Add(2 * time.Minute), LastSuccessAt: slot.Add(time.Minute),
	}
}

// tallies reads what was counted for an endpoint.
func (k kit) tallies(endpointID string, slots ...time.Time) []postback.Tally {
	k.Helper()
	found, err := k.Tallies(k.ctx(), endpointID, slots)
	k.must(err)
	return found
}

func trafficWhole(k kit) {
	whole := tally("ep_1", Noon(), 3)
	bare := postback.Tally{EndpointID: "ep_2", Slot: Noon(), Attempts: 1, Errors: map[string]int{}, Latencies: map[int]int{}, LastAttemptAt: Noon()}
	k.must(k.SaveTallies(k.ctx(), "a", []postback.Tally{whole, bare}))
	same(k, "whole", k.tallies("ep_1", Noon()), []postback.Tally{whole})
	same(k, "bare", k.tallies("ep_2", Noon()), []postback.Tally{bare})
}

func trafficAgain(k kit) {
	earlier, later := tally("ep_1", Noon(), 3), tally("ep_1", After(time.Minute), 7)
	k.must(k.SaveTallies(k.ctx(), "a", []postback.Tally{tally("ep_1", Noon(), 2), later}))
	for range 2 {
		k.must(k.SaveTallies(k.ctx(), "a", []postback.Tally{earlier}))
	}
	same(k, "tallies", k.tallies("ep_1", Noon(), After(time.Minute)), []postback.Tally{earlier, later})
}

func trafficProcesses(k kit) {
	for i, process := range []string{"b", "a"} {
		k.must(k.SaveTallies(k.ctx(), process, []postback.Tally{tally("ep_1", Noon(), 2+i)}))
	}
	same(k, "tallies", k.tallies("ep_1", Noon()), []postback.Tally{tally("ep_1", Noon(), 3), tally("ep_1", Noon(), 2)})
}

func trafficPicked(k kit) {
	var all []postback.Tally
	for slot := range 6 {
		for _, id := range []string{"ep_1", "ep_2"} {
			all = append(all, tally(id, After(time.Duration(slot)*time.Minute), 2+slot))
		}
	}
	k.must(k.SaveTallies(k.ctx(), "a", all))
	got := k.tallies("ep_2", After(4*time.Minute), After(time.Minute), After(time.Hour))
	same(k, "tallies", got, []postback.Tally{all[3], all[9]})
}

func trafficNone(k kit) {
	k.must(k.SaveTallies(k.ctx(), "a", nil))
	same(k, "number without slots", len(k.tallies("ep_1")), 0)
	same(k, "number of nobody", len(k.tallies("ep_1", Noon())), 0)
}

func trafficPruned(k kit) {
	var all []postback.Tally
	for slot := range 5 {
		all = append(all, tally("ep_1", After(time.Duration(slot)*time.Minute), 2))
	}
	k.must(k.SaveTallies(k.ctx(), "a", all))
	k.must(k.SaveTallies(k.ctx(), "b", all))
	for _, want := range []int{4, 2, 0} {
		gone, err := k.PruneTallies(k.ctx(), After(3*time.Minute), 4)
		k.must(err)
		same(k, "number forgotten", gone, want)
	}
	var slots []time.Time
	for _, one := range all {
		slots = append(slots, one.Slot)
	}
	same(k, "what is left", k.tallies("ep_1", slots...), []postback.Tally{all[3], all[3], all[4], all[4]})
}

func trafficTogether(k kit) {
	const processes, endpoints = 10, 20
	var gone atomic.Int64
	together(processes, func(i int) {
		for round := range 3 {
			var mine []postback.Tally
			for e := range endpoints {
				mine = append(mine, tally(fmt.Sprintf("ep_%d", e), Noon(), 2+round), tally(fmt.Sprintf("ep_%d", e), After(-time.Hour), 2))
			}
			if err := k.SaveTallies(k.ctx(), fmt.Sprint(i), mine[:]); err != nil {
				k.Errorf("save: %v", err)
			}
			n, err := k.PruneTallies(k.ctx(), Noon(), endpoints)
			if err != nil {
				k.Errorf("forget: %v", err)
			}
			gone.Add(int64(n))
		}
	})
	if gone.Load() == 0 {
		k.Error("nothing was forgotten")
	}
	sum := 0
	for e := range endpoints {
		for _, one := range k.tallies(fmt.Sprintf("ep_%d", e), Noon()) {
			sum += one.Attempts
		}
	}
	same(k, "attempts in all", sum, processes*endpoints*4)
}
