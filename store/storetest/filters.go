package storetest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waybillhq/waybill/postback"
)

func filterTests() []test {
	return []test{
		{"of deliveries pick what they say, in every combination", filterDeliveries},
		{"of events pick what they say, in every combination", filterEvents},
		{"by a type escape nothing", filterPatterns},
	}
}

// mixture writes deliveries that differ in everything that a filter asks for.
func (k kit) mixture() []postback.Delivery {
	k.Helper()
	var all []postback.Delivery
	for i := range 56 {
		event := Event(fmt.Sprintf("evt_%d", i))
		event.Publisher = fmt.Sprintf("pub_%d", 1+i%2)
		event.Type = []string{"conversion.completed", "conversion.reversed", "exchange.finished"}[i%3]
		event.Test = i%5 == 0
		event.AcceptedAt = After(time.Duration(i) * time.Second)
		for _, d := range k.accept(event, fmt.Sprintf("ep_%d", 1+i%4), "ep_5") {
			all = append(all, k.move(d, (i/2+len(all))%10))
		}
	}
	slices.Reverse(all)
	return all
}

// move brings a delivery to one of ten ends.
func (k kit) move(d postback.Delivery, end int) postback.Delivery {
	k.Helper()
	switch end {
	case 0:
		return d
	case 1:
		return k.record(Retry(d.Ref()))
	case 2:
		return k.record(Park(d.Ref()))
	case 3:
		dead := DeadLetter(d.Ref())
		dead.Attempt, dead.At = Attempt(d.Ref(), 404), After(time.Hour)
		dead.Attempt.Error.Code = "status_not_200"
		return k.record(dead)
	case 4:
		return k.record(DeadLetter(d.Ref()))
	case 5:
		return k.record(Succeed(k.record(Retry(d.Ref())).Ref()))
	case 6:
		dead := DeadLetter(d.Ref())
		dead.Reason, dead.Cause, dead.At = postback.ReasonUnsendable, postback.FailureOf("value_missing", "data.uid"), After(time.Hour)
		dead.Attempt = nil
		return k.record(dead)
	case 7: // its endpoint takes other answers than 200
		succeeded := Succeed(d.Ref())
		succeeded.Attempt.StatusCode = http.StatusNoContent
		return k.record(succeeded)
	case 8: // its endpoint takes other answers than 200, and not 200
		dead := DeadLetter(d.Ref())
		dead.Attempt = Attempt(d.Ref(), http.StatusOK)
		return k.record(dead)
	default:
		return k.record(Succeed(d.Ref()))
	}
}

// deliveryFilters is every pair of fields that a filter may have, and all
// together.
func deliveryFilters() []postback.DeliveryFilter {
	type filter = postback.DeliveryFilter
	fields := []func(*filter){
		func(f *filter) { f.States = []postback.State{postback.Dead} },
		func(f *filter) { f.States = []postback.State{postback.Succeeded, postback.Parked, postback.Dead} },
		func(f *filter) { f.EndpointID = "ep_5" },
		func(f *filter) { f.Publisher = "pub_1" },
		func(f *filter) { f.EventID = "evt_6" },
		func(f *filter) { f.EventType = "conversion.*" },
		func(f *filter) { f.EventType = "exchange.finished" },
		func(f *filter) { f.Statuses = postback.Statuses{"404"} },
		func(f *filter) { f.Statuses = postback.Statuses{"200"} },
		func(f *filter) { f.Statuses = postback.Statuses{"204"} },
		func(f *filter) { f.Statuses = postback.Statuses{"4xx", "500"} },
		func(f *filter) { f.Statuses = postback.Statuses{"202", "204"} },
		func(f *filter) { f.Statuses = postback.Statuses{"2xx", "5xx"} },
		func(f *filter) { f.Errors = []string{"timeout", "value_missing"} },
		func(f *filter) { f.Errors = []string{"status"} },
		func(f *filter) { f.Errors = []string{"status_404", "status_503", "timeout"} },
		func(f *filter) { f.Errors = []string{"status_not_200"} },
		func(f *filter) { f.Reasons = []postback.Reason{postback.ReasonPaused, postback.ReasonExhausted} },
		func(f *filter) { f.Reasons = []postback.Reason{postback.ReasonUnsendable} },
		func(f *filter) { f.Reference = "evt_6" },
		func(f *filter) { f.Since, f.Until = After(5*time.Second), After(30*time.Second) },
		func(f *filter) { f.EndedBefore = After(time.Hour) },
		func(f *filter) { f.NoTests = true },
	}
	var all filter
	filters := []filter{all}
	for i, first := range fields {
		for _, second := range fields[i:] {
			var pair filter
			first(&pair)
			second(&pair)
			filters = append(filters, pair)
		}
		first(&all)
		filters = append(filters, all)
	}
	return filters
}

// picks is what a filter means.
func picks(f postback.DeliveryFilter, d postback.Delivery) bool {
	return (len(f.States) == 0 || slices.Contains(f.States, d.State)) &&
		(f.EndpointID == "" || f.EndpointID == d.EndpointID) &&
		(f.Publisher == "" || f.Publisher == d.Publisher) &&
		(f.EventID == "" || f.EventID == d.EventID) &&
		(f.EventType == "" || postback.MatchType(f.EventType, d.EventType)) &&
		(len(f.Statuses) == 0 || slices.ContainsFunc(f.Statuses, func(status string) bool { return hasStatus(status, d.LastStatusCode) })) &&
		(len(f.Errors) == 0 || slices.ContainsFunc(f.Errors, func(code string) bool { return hasError(code, d) })) &&
		(len(f.Reasons) == 0 || slices.Contains(f.Reasons, d.Reason)) &&
		(f.Reference == "" || f.Reference == d.Reference) &&
		(f.Since.IsZero() || !d.CreatedAt.Before(f.Since)) &&
		(f.Until.IsZero() || d.CreatedAt.Before(f.Until)) &&
		(f.EndedBefore.IsZero() || !d.CompletedAt.IsZero() && d.CompletedAt.Before(f.EndedBefore)) &&
		(!f.NoTests || !d.Test)
}

// hasError compares a code with a delivery's last error. A status by its number is
// that of an answer which is no success.
func hasError(code string, d postback.Delivery) bool {
	return d.LastError == code || strings.HasPrefix(d.LastError, code+": ") ||
		d.LastError == "status_not_200" && code == fmt.Sprintf("status_%d", d.LastStatusCode)
}

// hasStatus compares a status with one that is written as 503 or 5xx.
func hasStatus(written string, status int) bool {
	text := strconv.Itoa(status)
	return written == text || status != 0 && written == text[:1]+"xx"
}

func filterDeliveries(k kit) {
	all := k.mixture()
	for _, filter := range deliveryFilters() {
		var want []postback.Delivery
		for _, d := range all {
			if picks(filter, d) {
				want = append(want, d)
			}
		}
		what := fmt.Sprintf("deliveries of %+v", filter)
		found, _, err := k.Deliveries(k.ctx(), filter, postback.Page{Limit: 1000})
		k.must(err)
		same(k, what, ids(found), ids(want))
		n, err := k.CountDeliveries(k.ctx(), filter)
		k.must(err)
		same(k, "count of "+what, n, len(want))
		if len(want) > 2 {
			same(k, "pages of "+what, ids(k.page(filter, len(want)/2, func() {})), ids(want))
		}
	}
}

func filterEvents(k kit) {
	var all []postback.Event
	unmatched := map[string]bool{}
	for i := range 30 {
		event := Event(fmt.Sprintf("evt_%d", i))
		event.Publisher = fmt.Sprintf("pub_%d", 1+i%2)
		event.Type = []string{"conversion.completed", "conversion.reversed", "exchange.finished"}[i%3]
		event.AcceptedAt = After(time.Duration(i) * time.Second)
		switch i % 5 {
		case 0:
			event.Rejection = "type: is required"
			k.accept(event)
		case 1, 2:
			unmatched[event.ID] = true
			k.accept(event)
		default:
			k.accept(event, "ep_1")
		}
		all = append(all, event)
	}
	slices.Reverse(all)
	for i := range 2 * 3 * 2 * 2 * 2 {
		f := postback.EventFilter{
			Publisher: []string{"", "pub_1"}[i%2], EventType: []string{"", "conversion.*", "exchange.finished"}[i/2%3],
			Rejected: i/6%2 == 1, Unmatched: i/12%2 == 1,
		}
		if i/24 == 1 {
			f.Since, f.Until = After(5*time.Second), After(20*time.Second)
		}
		var want []postback.Event
		for _, e := range all {
			if (f.Publisher == "" || f.Publisher == e.Publisher) && (f.EventType == "" || postback.MatchType(f.EventType, e.Type)) &&
				(!f.Rejected || e.Rejection != "") && (!f.Unmatched || unmatched[e.ID]) &&
				(f.Since.IsZero() || !e.AcceptedAt.Before(f.Since)) && (f.Until.IsZero() || e.AcceptedAt.Before(f.Until)) {
				e.Data = nil // listings are without
				want = append(want, e)
			}
		}
		found, _, err := k.Events(k.ctx(), f, postback.Page{Limit: 1000})
		k.must(err)
		same(k, fmt.Sprintf("events of %+v", f), append([]postback.Event(nil), found...), want)
	}
}

func filterPatterns(k kit) {
	for _, eventType := range []string{"conversion.a", "conversion.ab", "conversion.a_b", "conversion.axb", "conversionx", "exchange.a"} {
		event := Event(NewID("evt", Noon()))
		event.Type = eventType
		k.accept(event, "ep_1")
	}
	for pattern, want := range map[string]int{
		"*": 6, "conversion.*": 4, "conversion.a": 1, "conversion.a_b": 1, "conversion.a%": 0, "conversion.a_": 0,
		"CONVERSION.*": 0, "conversion": 0, "exchange.*": 1, "' OR 1 --": 0, "conversion.a*": 4,
	} {
		n, err := k.CountDeliveries(k.ctx(), postback.DeliveryFilter{EventType: pattern})
		k.must(err)
		same(k, "number of "+pattern, n, want)
		events, _, err := k.Events(k.ctx(), postback.EventFilter{EventType: pattern}, postback.Page{})
		k.must(err)
		same(k, "number of events of "+pattern, len(events), want)
	}
}
