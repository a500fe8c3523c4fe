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

// countsIn builds what was counted in a slot.
func countsIn(endpointID string, slot time.Time, attempts int) postback.AttemptCounts {
	return postback.AttemptCounts{
		EndpointID: endpointID, Slot: slot, Attempts: attempts, Succeeded: attempts - 1,
		Errors:        map[string]int{"status_503": 1},
		Latencies:     map[int]int{0: 1, 255: attempts - 1},
		LastAttemptAt: slot.Add(2 * time.Minute), LastSuccessAt: slot.Add(time.Minute),
	}
}

// countsFor reads what was counted for an endpoint.
func (k kit) countsFor(endpointID string, slots ...time.Time) []postback.AttemptCounts {
	k.Helper()
	found, err := k.Counts(k.ctx(), endpointID, slots)
	k.must(err)
	return found
}

func trafficWhole(k kit) {
	whole := countsIn("ep_1", Noon(), 3)
	bare := postback.AttemptCounts{EndpointID: "ep_2", Slot: Noon(), Attempts: 1, Errors: map[string]int{}, Latencies: map[int]int{}, LastAttemptAt: Noon()}
	k.must(k.SaveCounts(k.ctx(), "a", []postback.AttemptCounts{whole, bare}))
	same(k, "whole", k.countsFor("ep_1", Noon()), []postback.AttemptCounts{whole})
	same(k, "bare", k.countsFor("ep_2", Noon()), []postback.AttemptCounts{bare})
}

func trafficAgain(k kit) {
	earlier, later := countsIn("ep_1", Noon(), 3), countsIn("ep_1", After(time.Minute), 7)
	k.must(k.SaveCounts(k.ctx(), "a", []postback.AttemptCounts{countsIn("ep_1", Noon(), 2), later}))
	for range 2 {
		k.must(k.SaveCounts(k.ctx(), "a", []postback.AttemptCounts{earlier}))
	}
	same(k, "counted", k.countsFor("ep_1", Noon(), After(time.Minute)), []postback.AttemptCounts{earlier, later})
}

func trafficProcesses(k kit) {
	for i, process := range []string{"b", "a"} {
		k.must(k.SaveCounts(k.ctx(), process, []postback.AttemptCounts{countsIn("ep_1", Noon(), 2+i)}))
	}
	same(k, "counted", k.countsFor("ep_1", Noon()), []postback.AttemptCounts{countsIn("ep_1", Noon(), 3), countsIn("ep_1", Noon(), 2)})
}

func trafficPicked(k kit) {
	var all []postback.AttemptCounts
	for slot := range 6 {
		for _, id := range []string{"ep_1", "ep_2"} {
			all = append(all, countsIn(id, After(time.Duration(slot)*time.Minute), 2+slot))
		}
	}
	k.must(k.SaveCounts(k.ctx(), "a", all))
	got := k.countsFor("ep_2", After(4*time.Minute), After(time.Minute), After(time.Hour))
	same(k, "counted", got, []postback.AttemptCounts{all[3], all[9]})
}

func trafficNone(k kit) {
	k.must(k.SaveCounts(k.ctx(), "a", nil))
	same(k, "number without slots", len(k.countsFor("ep_1")), 0)
	same(k, "number of nobody", len(k.countsFor("ep_1", Noon())), 0)
}

func trafficPruned(k kit) {
	var all []postback.AttemptCounts
	for slot := range 5 {
		all = append(all, countsIn("ep_1", After(time.Duration(slot)*time.Minute), 2))
	}
	k.must(k.SaveCounts(k.ctx(), "a", all))
	k.must(k.SaveCounts(k.ctx(), "b", all))
	for _, want := range []int{4, 2, 0} {
		gone, err := k.PruneCounts(k.ctx(), After(3*time.Minute), 4)
		k.must(err)
		same(k, "number forgotten", gone, want)
	}
	var slots []time.Time
	for _, one := range all {
		slots = append(slots, one.Slot)
	}
	same(k, "what is left", k.countsFor("ep_1", slots...), []postback.AttemptCounts{all[3], all[3], all[4], all[4]})
}

func trafficTogether(k kit) {
	const processes, endpoints = 10, 20
	var gone atomic.Int64
	together(processes, func(i int) {
		for round := range 3 {
			var mine []postback.AttemptCounts
			for e := range endpoints {
				mine = append(mine, countsIn(fmt.Sprintf("ep_%d", e), Noon(), 2+round), countsIn(fmt.Sprintf("ep_%d", e), After(-time.Hour), 2))
			}
			if err := k.SaveCounts(k.ctx(), fmt.Sprint(i), mine[:]); err != nil {
				k.Errorf("save: %v", err)
			}
			n, err := k.PruneCounts(k.ctx(), Noon(), endpoints)
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
		for _, one := range k.countsFor(fmt.Sprintf("ep_%d", e), Noon()) {
			sum += one.Attempts
		}
	}
	same(k, "attempts in all", sum, processes*endpoints*4)
}
