package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/waybillhq/waybill/postback"
)

func historyTests() []test {
	return []test{
		{"does not know what is not there", historyUnknown},
		{"lists newest first", historyNewest},
		{"lists nothing of an empty ledger", historyEmpty},
		{"refuses a cursor that it did not give", historyCursors},
	}
}

func historyUnknown(k kit) {
	_, _, err := k.Event(k.ctx(), "evt_1")
	k.fails(err, postback.CodeNotFound)
	_, _, err = k.Delivery(k.ctx(), NewID("dlv", Noon()))
	k.fails(err, postback.CodeNotFound)
}

// series accepts n events with a delivery each, one second apart, two at a
// time; the answers are newest first.
func (k kit) series(n int) (events []postback.Event, deliveries []postback.Delivery) {
	k.Helper()
	for i := range n {
		event := Event(fmt.Sprintf("evt_%03d", (i*7)%n)) // ids do not follow time
		event.AcceptedAt = After(time.Duration(i/2) * time.Second)
		deliveries = append(deliveries, k.accept(event, "ep_1")...)
		events = append(events, event)
	}
	slices.Reverse(events)
	slices.Reverse(deliveries)
	return events, deliveries
}

func historyNewest(k kit) {
	events, deliveries := k.series(9)
	found, next, err := k.Events(k.ctx(), postback.EventFilter{}, postback.Page{Limit: 9})
	k.must(err)
	data := string(events[0].Data)
	for i := range events {
		events[i].Data = nil // which only a single event is read with
	}
	same(k, "events", found, events)
	one, _, err := k.Event(k.ctx(), events[0].ID)
	k.must(err)
	same(k, "data of a single event", string(one.Data), data)
	same(k, "next cursor", next, "")
	listed, next, err := k.Deliveries(k.ctx(), postback.DeliveryFilter{}, postback.Page{})
	k.must(err)
	same(k, "deliveries", listed, deliveries)
	same(k, "next cursor", next, "")
}

func historyEmpty(k kit) {
	events, next, err := k.Events(k.ctx(), postback.EventFilter{}, postback.Page{Limit: 1})
	k.must(err)
	same(k, "events", len(events), 0)
	same(k, "next cursor", next, "")
	deliveries, next, err := k.Deliveries(k.ctx(), postback.DeliveryFilter{}, postback.Page{Limit: 1})
	k.must(err)
	same(k, "deliveries", len(deliveries), 0)
	same(k, "next cursor", next, "")
}

func historyCursors(k kit) {
	k.series(3)
	_, ofEvents, err := k.Events(k.ctx(), postback.EventFilter{}, postback.Page{Limit: 1})
	k.must(err)
	for _, cursor := range []string{"x", "!!!", "AAAA", ofEvents + "!", ofEvents[1:], "ZGVsaXZlcmllcyAx", "'; DROP TABLE events; --"} {
		page := postback.Page{Limit: 1, Cursor: cursor}
		_, _, err := k.Events(k.ctx(), postback.EventFilter{}, page)
		k.fails(err, postback.CodeInvalid)
		_, _, err = k.Deliveries(k.ctx(), postback.DeliveryFilter{}, page)
		k.fails(err, postback.CodeInvalid)
		_, _, err = k.Endpoints(k.ctx(), postback.EndpointFilter{}, page)
		k.fails(err, postback.CodeInvalid)
	}
	_, _, err = k.Deliveries(k.ctx(), postback.DeliveryFilter{}, postback.Page{Limit: 1, Cursor: ofEvents})
	k.fails(err, postback.CodeInvalid)
}

func pagingTests() []test {
	return []test{
		{"of events is complete while rows are inserted", pagingEvents},
		{"of deliveries is complete while rows are inserted", pagingDeliveries},
		{"of several states is in order", pagingStates},
	}
}

func pagingEvents(k kit) {
	want, _ := k.series(23)
	for i := range want {
		want[i].Data = nil
	}
	for _, limit := range []int{1, 2, 5, 22, 23} {
		var found []postback.Event
		for page := (postback.Page{Limit: limit}); ; {
			part, next, err := k.Events(k.ctx(), postback.EventFilter{Until: After(time.Hour)}, page)
			k.must(err)
			found = append(found, part...)
			if page.Cursor = next; next == "" {
				break
			}
			newer := Event(NewID("evt", Noon()))
			newer.AcceptedAt = After(2 * time.Hour)
			k.accept(newer)
		}
		same(k, "events", found, want)
	}
}

// page reads a whole listing in parts and does something between them.
func (k kit) page(filter postback.DeliveryFilter, limit int, between func()) []postback.Delivery {
	k.Helper()
	var found []postback.Delivery
	page := postback.Page{Limit: limit}
	for {
		part, next, err := k.Deliveries(k.ctx(), filter, page)
		k.must(err)
		if next != "" && len(part) != limit {
			k.Fatalf("a part in the middle has %d rows, not %d", len(part), limit)
		}
		found = append(found, part...)
		if page.Cursor = next; next == "" {
			return found
		}
		between()
	}
}

func pagingDeliveries(k kit) {
	_, want := k.series(23)
	last := want
	for _, limit := range []int{1, 2, 5, 22, 23} {
		found := k.page(postback.DeliveryFilter{}, limit, func() {
			newer := Event(NewID("evt", Noon()))
			newer.AcceptedAt = After(2 * time.Hour)
			last = append(k.accept(newer, "ep_1"), last...)
		})
		same(k, "deliveries", ids(found), ids(want))
		want = last
	}
}

func pagingStates(k kit) {
	_, all := k.series(12)
	var want []string
	for i, d := range all {
		switch i % 4 {
		case 0:
			k.record(DeadLetter(d.Ref()))
		case 1:
			k.record(Succeed(d.Ref()))
		case 2:
			k.record(Park(d.Ref()))
			continue
		}
		want = append(want, d.ID)
	}
	filter := postback.DeliveryFilter{States: []postback.State{postback.Dead, postback.Pending, postback.Succeeded, postback.Dead}}
	for _, limit := range []int{1, 2, 4, 8, 9, 10} {
		same(k, "deliveries", ids(k.page(filter, limit, func() {})), want)
	}
}
