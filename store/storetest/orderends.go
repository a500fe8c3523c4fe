package storetest

import (
	"time"

	"github.com/waybillhq/waybill/postback"
)

// orderAges has deliveries that wait behind one that is retried: they get old
// all the same, and are found though nothing else is parked.
func orderAges(k kit) {
	head, old, young := k.inGroup("ep_1", "tx-1", 0), k.inGroup("ep_1", "tx-1", time.Minute), k.inGroup("ep_1", "tx-1", time.Hour)
	k.inGroup("ep_2", "tx-1", 0)
	k.record(Retry(head.Ref()))
	for _, list := range []struct {
		what string
		of   func() ([]string, error)
		want []string
	}{
		{"endpoints with ordered ones", func() ([]string, error) { return k.OrderedEndpoints(k.ctx()) }, []string{"ep_1"}},
		{"endpoints with parked ones", func() ([]string, error) { return k.ParkedEndpoints(k.ctx()) }, nil},
	} {
		got, err := list.of()
		k.must(err)
		same(k, list.what, len(got), len(list.want))
		if len(list.want) > 0 {
			same(k, list.what, got, list.want)
		}
	}
	for _, want := range []int{1, 0} {
		n, err := k.Expire(k.ctx(), "ep_1", After(30*time.Minute), After(2*time.Hour), 10)
		k.must(err)
		same(k, "expired", n, want)
	}
	same(k, "states", k.states(head, old, young), "retrying dead parked:ordered ")
	same(k, "reason", k.stored(old.ID).Reason, postback.ReasonMaxAge)
	k.record(Succeed(k.stored(head.ID).Ref()))
	same(k, "states", k.states(old, young), "dead pending ")
	listed, err := k.OrderedEndpoints(k.ctx())
	k.must(err)
	same(k, "endpoints with ordered ones", len(listed), 0)
}

// orderCancelled takes long groups away in steps: what is left in between is found
// and ended too.
func orderCancelled(k kit) {
	var all []postback.Delivery
	for i := range 5 {
		all = append(all, k.inGroup("ep_1", "tx-1", time.Duration(i)*time.Second))
	}
	for left := len(all); left > 0; left -= 2 {
		listed, err := k.OrderedEndpoints(k.ctx())
		k.must(err)
		if left > 1 {
			same(k, "endpoints with ordered ones", listed, []string{"ep_1"})
		}
		n, err := k.Cancel(k.ctx(), "ep_1", postback.ReasonEndpointDeleted, After(time.Hour), 2)
		k.must(err)
		same(k, "cancelled", n, min(2, left))
	}
	same(k, "states", k.states(all...), "cancelled cancelled cancelled cancelled cancelled ")
	same(k, "a later one", k.states(k.inGroup("ep_1", "tx-1", time.Hour)), "pending ")
}

// orderProbed has an open circuit: what waits in a group is no probe, however old
// it is.
func orderProbed(k kit) {
	k.inGroup("ep_1", "tx-1", 0)
	waits := k.inGroup("ep_1", "tx-1", time.Second)
	streak := k.open("ep_1")
	sent, err := k.Probe(k.ctx(), streak, After(time.Hour), After(2*time.Hour))
	k.must(err)
	same(k, "sent", sent, false)
	other := k.inGroup("ep_1", "tx-2", time.Minute)
	move := Park(other.Ref())
	move.Reason = postback.ReasonCircuitOpen
	k.record(move)
	sent, err = k.Probe(k.ctx(), streak, After(time.Hour), After(2*time.Hour))
	k.must(err)
	same(k, "sent", sent, true)
	same(k, "states", k.states(waits, other), "parked:ordered pending ")
	same(k, "probe", k.stored(other.ID).Probe, true)
}

// orderJoins has an endpoint that has others parked: who moves up waits with
// those, and the oldest of all goes first.
func orderJoins(k kit) {
	head, next := k.inGroup("ep_1", "tx-1", 0), k.inGroup("ep_1", "tx-1", 2*time.Minute)
	parked := k.parked("ep_1", postback.ReasonOverLimit, After(time.Minute))
	k.parked("ep_2", postback.ReasonPaused, Noon())
	k.record(Succeed(head.Ref()))
	same(k, "states", k.states(head, next, parked), "succeeded parked:over_limit parked:over_limit ")
	same(k, "times of the one that waits", [2]time.Time{k.stored(next.ID).NextAttemptAt, k.stored(next.ID).SweepAt}, [2]time.Time{})
	n, err := k.Release(k.ctx(), "ep_1", After(time.Hour), 1, 100)
	k.must(err)
	same(k, "released", n, 1)
	same(k, "states", k.states(next, parked), "parked:over_limit pending ")
	behind := k.inGroup("ep_1", "tx-1", time.Hour)
	n, err = k.Release(k.ctx(), "ep_1", After(time.Hour), 2, 100)
	k.must(err)
	same(k, "released", n, 1)
	same(k, "states", k.states(next, behind), "pending parked:ordered ")
	k.record(Succeed(k.stored(next.ID).Ref()))
	same(k, "states", k.states(behind), "pending ")
}

// orderSucceedsParked has the head of an ordering group parked while its attempt is in
// flight: the success of that passes the turn on.
func orderSucceedsParked(k kit) {
	head, next := k.inGroup("ep_1", "tx-1", 0), k.inGroup("ep_1", "tx-1", time.Minute)
	k.record(Park(head.Ref()))
	k.record(Succeed(head.Ref()))
	same(k, "states", k.states(head, next), "succeeded pending ")
}

// orderMended looks for what is stuck in groups that are not, wherever their heads
// stand.
func orderMended(k kit) {
	head, second := k.inGroup("ep_1", "tx-1", 0), k.inGroup("ep_1", "tx-1", time.Minute)
	k.inGroup("ep_2", "tx-1", 0)
	for _, move := range []func(postback.Ref) postback.Transition{nil, Retry, Park} {
		if move != nil {
			head = k.record(move(head.Ref()))
		}
		n, err := k.MendGroups(k.ctx(), "ep_1", After(time.Hour), 10)
		k.must(err)
		same(k, "mended", n, 0)
	}
	same(k, "state of the one that waits", k.states(second), "parked:ordered ")
}
