package storetest

import (
	"context"
	"fmt"
	"slices"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

// Histories answers what happened in full, for exports.
type Histories interface {
	// Histories lists deliveries as Deliveries does, with the same cursors, each
	// with its attempts, oldest first. It may return fewer than asked for, but
	// never none while there are more: a part ends with the delivery whose
	// attempts bring it to store.HistoryBytes. The next cursor is "" at the end.
	// A delivery and its attempts are read from one state of the ledger.
	Histories(ctx context.Context, filter postback.DeliveryFilter, page postback.Page) ([]postback.History, string, error)
}

func historiesTests() []test {
	return []test{
		{"hold each delivery with its attempts", historiesWhole},
		{"follow the filter and the page", historiesFiltered},
		{"come in parts that memory can hold", historiesBounded},
		{"refuse a cursor that no listing gave", historiesCursors},
		{"and deliveries go on behind an id", historiesBehind},
		{"of an empty ledger are none", historiesEmpty},
	}
}

// histories reads all parts.
func (k kit) histories(filter postback.DeliveryFilter, page postback.Page) (all []postback.History, parts int) {
	k.Helper()
	for {
		part, next, err := k.Histories(k.ctx(), filter, page)
		k.must(err)
		k.moved(page.Cursor, next)
		if len(part) > page.Limit || len(part) == 0 && (next != "" || page.Cursor != "") {
			k.Fatalf("a part of %d, limit %d, next cursor %q", len(part), page.Limit, next)
		}
		all, parts = append(all, part...), parts+1
		if page.Cursor = next; next == "" {
			return all, parts
		}
	}
}

// moved ends the test when a part leads back to itself.
func (k kit) moved(cursor, next string) {
	k.Helper()
	if next != "" && next == cursor {
		k.Fatalf("the part behind %q leads to itself", cursor)
	}
}

// wanted is what the histories of deliveries must be.
func (k kit) wanted(deliveries []postback.Delivery) []postback.History {
	k.Helper()
	var all []postback.History
	for _, d := range deliveries {
		delivery, attempts, err := k.Delivery(k.ctx(), d.ID)
		k.must(err)
		all = append(all, postback.History{Delivery: delivery, Attempts: attempts})
	}
	return all
}

func sameHistories(k kit, got, want []postback.History) {
	k.Helper()
	same(k, "number of histories", len(got), len(want))
	for i := range want {
		same(k, "delivery", got[i].Delivery, want[i].Delivery)
		same(k, "number of attempts", len(got[i].Attempts), len(want[i].Attempts))
		for j := range want[i].Attempts {
			same(k, "attempt", got[i].Attempts[j], want[i].Attempts[j])
		}
	}
}

func historiesWhole(k kit) {
	_, deliveries := k.series(9)
	for i, d := range deliveries {
		for range i % 4 {
			d = k.record(Retry(d.Ref()))
		}
		if i%2 == 0 {
			k.record(Succeed(d.Ref()))
		}
	}
	want := k.wanted(deliveries)
	for _, limit := range []int{1, 2, 5, 8, 9, 10} {
		got, parts := k.histories(postback.DeliveryFilter{}, postback.Page{Limit: limit})
		sameHistories(k, got, want)
		same(k, "parts", parts, (8+limit)/limit)
	}
}

func historiesFiltered(k kit) {
	all := k.mixture()
	for _, filter := range deliveryFilters() {
		var want []string
		for _, d := range all {
			if picks(filter, d) {
				want = append(want, d.ID)
			}
		}
		for _, limit := range []int{7, 1000} {
			histories, _ := k.histories(filter, postback.Page{Limit: limit})
			var got []string
			for _, history := range histories {
				got = append(got, history.Delivery.ID)
			}
			same(k, fmt.Sprintf("histories of %+v", filter), got, want)
		}
	}
}

// historiesBounded writes as much as three parts may hold, and one delivery
// that is more than a part alone.
func historiesBounded(k kit) {
	const body = 256 << 10
	large := func(d postback.Delivery, attempts int) {
		for range attempts {
			move := Retry(d.Ref())
			move.Attempt.Response.Body = slices.Repeat([]byte{'x'}, body)
			d = k.record(move)
		}
	}
	_, deliveries := k.series(10)
	for i, d := range deliveries {
		if large(d, 5); i == 4 {
			large(k.stored(d.ID), 2*store.HistoryBytes/body)
		}
	}
	want := k.wanted(deliveries)
	var got []postback.History
	for page := (postback.Page{Limit: 10}); ; {
		part, next, err := k.Histories(k.ctx(), postback.DeliveryFilter{}, page)
		k.must(err)
		k.moved(page.Cursor, next)
		size := 0
		for _, history := range part[:len(part)-1] {
			for _, attempt := range history.Attempts {
				size += store.HistorySize(attempt)
			}
		}
		if size >= store.HistoryBytes {
			k.Fatalf("a part holds %d bytes before its last delivery", size)
		}
		got = append(got, part...)
		if page.Cursor = next; next == "" {
			break
		}
	}
	sameHistories(k, got, want)
}

func historiesCursors(k kit) {
	k.series(3)
	for _, cursor := range []string{"x", "!!!", "ZGVsaXZlcmllcyAx", "dlv", "'; DROP TABLE deliveries; --"} {
		_, _, err := k.Histories(k.ctx(), postback.DeliveryFilter{}, postback.Page{Limit: 1, Cursor: cursor})
		k.fails(err, postback.CodeInvalid)
	}
}

// historiesBehind begins behind each delivery, also where the filter does not
// pick that one.
func historiesBehind(k kit) {
	_, all := k.series(12)
	for i, d := range all {
		if i%3 == 0 {
			k.record(Succeed(d.Ref()))
		}
	}
	for _, filter := range []postback.DeliveryFilter{{}, {States: []postback.State{postback.Succeeded}}, {EndpointID: "ep_1"}, {States: []postback.State{postback.Pending, postback.Succeeded}}} {
		for i, d := range all {
			var want []string
			for _, later := range all[i+1:] {
				if stored := k.stored(later.ID); picks(filter, stored) {
					want = append(want, later.ID)
				}
			}
			page := postback.Page{Limit: 20, Cursor: d.ID}
			found, _, err := k.Deliveries(k.ctx(), filter, page)
			k.must(err)
			same(k, "deliveries behind "+d.ID, ids(found), want)
			histories, _, err := k.Histories(k.ctx(), filter, page)
			k.must(err)
			same(k, "histories behind "+d.ID, len(histories), len(want))
		}
	}
}

func historiesEmpty(k kit) {
	got, next, err := k.Histories(k.ctx(), postback.DeliveryFilter{}, postback.Page{Limit: 3})
	k.must(err)
	same(k, "histories", len(got), 0)
	same(k, "next cursor", next, "")
}
