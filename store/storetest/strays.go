package storetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/waybillhq/waybill/postback"
)

func strayTests() []test {
	return []test{
		{"are listed by publisher", strayListed},
		{"are counted up to a number", strayLimited},
		{"of an operator are listed when they are asked for", strayOfOperator},
	}
}

// stray accepts an event of a publisher that no endpoint wants.
func (k kit) stray(publisher, id string, at time.Time) postback.Event {
	k.Helper()
	event := Event(id)
	event.Publisher, event.AcceptedAt = publisher, at
	_, err := k.Accept(k.ctx(), []postback.Acceptance{{Event: event}})
	k.must(err)
	return event
}

func strayListed(k kit) {
	k.stray("pub_b", "before", After(-time.Second))
	k.stray("pub_b", "one", Noon())
	k.stray("pub_a", "two", After(time.Second))
	k.stray("pub_c", "three", After(2*time.Second))
	for i := range 6 {
		k.stray("pub_b", fmt.Sprintf("more_%d", i), After(time.Duration(3+i)*time.Second))
	}
	k.stray("pub_c", "after", After(time.Minute))
	k.accept(Event("wanted"), "ep_1")
	k.stray(postback.Operator, "op_1", Noon())
	rejected, example := Event("rejected"), Event("example")
	rejected.Rejection, example.Test = "is no event", true
	_, err := k.Accept(k.ctx(), []postback.Acceptance{{Event: rejected}, {Event: example}})
	k.must(err)
	late := k.stray("pub_c", "late", Noon())
	_, err = k.Deliver(k.ctx(), late.ID, []postback.Delivery{Delivery(late, "ep_1")})
	k.must(err)

	found, err := k.Unmatched(k.ctx(), Noon(), After(time.Minute), 1000)
	k.must(err)
	same(k, "unmatched", found, []postback.Unmatched{
		{Publisher: "pub_b", Count: 7, First: Noon(), Last: After(8 * time.Second), Events: []string{"one", "more_0", "more_1", "more_2", "more_3"}},
		{Publisher: "pub_a", Count: 1, First: After(time.Second), Last: After(time.Second), Events: []string{"two"}},
		{Publisher: "pub_c", Count: 1, First: After(2 * time.Second), Last: After(2 * time.Second), Events: []string{"three"}},
	})
	found, err = k.Unmatched(k.ctx(), After(time.Hour), After(2*time.Hour), 1000)
	k.must(err)
	same(k, "of another time", len(found), 0)
}

func strayLimited(k kit) {
	for i := range 10 {
		k.stray("pub_1", fmt.Sprintf("evt_%d", i), After(time.Duration(i)*time.Second))
	}
	found, err := k.Unmatched(k.ctx(), Noon(), After(time.Minute), 3)
	k.must(err)
	same(k, "unmatched", found, []postback.Unmatched{
		{Publisher: "pub_1", Count: 3, First: Noon(), Last: After(2 * time.Second), Events: []string{"evt_0", "evt_1", "evt_2"}},
	})
}

func strayOfOperator(k kit) {
	k.stray("pub_1", "one", Noon())
	k.stray(postback.Operator, "op_1", After(time.Second))
	k.stray("pub_2", "two", After(2*time.Second))
	for want, filter := range map[string]postback.EventFilter{
		"two one":      {Unmatched: true},
		"op_1":         {Unmatched: true, Publisher: postback.Operator},
		"one":          {Unmatched: true, Publisher: "pub_1"},
		"two op_1 one": {},
	} {
		listed, _, err := k.Events(k.ctx(), filter, postback.Page{Limit: 10})
		k.must(err)
		var found []string
		for _, event := range listed {
			found = append(found, event.ID)
		}
		same(k, "events", strings.Join(found, " "), want)
	}
}
