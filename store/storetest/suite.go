package storetest

import (
	"context"
	"reflect"
	"testing"

	"github.com/waybillhq/waybill/postback"
)

// Run checks that a store is a [Ledger]. open gives each test an empty ledger
// of its own and closes it when the test ends.
func Run(t *testing.T, open func(t *testing.T) Ledger) {
	t.Helper()
	groups := []struct {
		name  string
		tests []test
	}{
		{"accept", acceptTests()},
		{"due", dueTests()},
		{"record", recordTests()},
		{"states", stateTests()},
		{"claim", claimTests()},
		{"requeue", requeueTests()},
		{"parking", parkingTests()},
		{"order", orderTests()},
		{"streaks", streakTests()},
		{"traffic", trafficTests()},
		{"backlog", backlogTests()},
		{"notices", noticeTests()},
		{"blocks", blockTests()},
		{"outages", outageTests()},
		{"strays", strayTests()},
		{"endpoints", endpointTests()},
		{"history", historyTests()},
		{"filters", filterTests()},
		{"paging", pagingTests()},
		{"histories", historiesTests()},
		{"reopen", reopenTests()},
		{"replays", replayTests()},
		{"keys", keyTests()},
		{"schemes", schemeTests()},
		{"fingerprints", fingerprintTests()},
		{"retention", retentionTests()},
		{"concurrency", concurrencyTests()},
		{"store", storeTests()},
	}
	for _, group := range groups {
		for _, one := range group.tests {
			t.Run(group.name+"/"+one.name, func(t *testing.T) {
				t.Parallel()
				one.run(kit{T: t, Ledger: open(t)})
			})
		}
	}
}

// test is one sentence of the contract.
type test struct {
	name string
	run  func(k kit)
}

// kit is what a test works with: its ledger, and steps that must succeed.
type kit struct {
	*testing.T
	Ledger
}

func (k kit) ctx() context.Context { return k.Context() }

// must ends the test on an error.
func (k kit) must(err error) {
	k.Helper()
	if err != nil {
		k.Fatalf("unexpected error: %v", err)
	}
}

// fails checks that an error is a domain error with a code.
func (k kit) fails(err error, code postback.Code) {
	k.Helper()
	if err == nil || postback.CodeOf(err) != code {
		k.Fatalf("error is %v, want code %s", err, code)
	}
}

// same checks that two values are deeply equal.
func same[T any](k kit, what string, got, want T) {
	k.Helper()
	if !reflect.DeepEqual(got, want) {
		k.Fatalf("%s differs\n got %+v\nwant %+v", what, got, want)
	}
}

// accept writes an event for the given endpoints and returns its deliveries.
func (k kit) accept(event postback.Event, endpointIDs ...string) []postback.Delivery {
	k.Helper()
	answers, err := k.Accept(k.ctx(), []postback.Acceptance{Acceptance(event, endpointIDs...)})
	k.must(err)
	k.must(answers[0].Err)
	if answers[0].Duplicate {
		k.Fatalf("event %s is a duplicate", event.ID)
	}
	return answers[0].Deliveries
}

// one writes a fresh event for endpoint "ep_1" and returns its delivery.
func (k kit) one() postback.Delivery {
	k.Helper()
	return k.accept(Event(NewID("evt", Noon())), "ep_1")[0]
}

// record moves a delivery on and returns it as it is stored then.
func (k kit) record(move postback.Transition) postback.Delivery {
	k.Helper()
	k.must(k.Record(k.ctx(), move))
	return k.stored(move.Ref.DeliveryID)
}

// stored reads a delivery.
func (k kit) stored(id string) postback.Delivery {
	k.Helper()
	delivery, _, err := k.Delivery(k.ctx(), id)
	k.must(err)
	return delivery
}

// attempts reads a delivery's attempts.
func (k kit) attempts(id string) []postback.Attempt {
	k.Helper()
	_, attempts, err := k.Delivery(k.ctx(), id)
	k.must(err)
	return attempts
}

func ids(deliveries []postback.Delivery) []string {
	var all []string
	for _, d := range deliveries {
		all = append(all, d.ID)
	}
	return all
}

func dueIDs(all []postback.Due) []string {
	var found []string
	for _, due := range all {
		found = append(found, due.Delivery.ID)
	}
	return found
}
