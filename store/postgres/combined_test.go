package postgres_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// aspect is one field of a filter with the values that it is asked for.
type aspect []search

// aspects are the fields of a filter: each value of each is combined with each
// value of all others.
func aspects() []aspect {
	type filter = postback.DeliveryFilter
	open := search{"", func(*filter, draws) {}}
	states := func(all ...postback.State) search {
		name := make([]string, len(all))
		for i, state := range all {
			name[i] = string(state)
		}
		return search{strings.Join(name, "/"), func(f *filter, _ draws) { f.States = all }}
	}
	pattern := func(pattern string) search {
		return search{pattern, func(f *filter, _ draws) { f.EventType = pattern }}
	}
	code := func(code int) search {
		return search{fmt.Sprint(code), func(f *filter, _ draws) { f.Statuses = postback.Statuses{fmt.Sprint(code)} }}
	}
	return []aspect{
		{
			open,
			{"endpoint", func(f *filter, d draws) { f.EndpointID = d.endpoint }},
			{"busiest endpoint", func(f *filter, _ draws) { f.EndpointID = "ep_000" }},
			{"endpoint that is nowhere", func(f *filter, _ draws) { f.EndpointID = "ep_none" }},
		},
		{open, {"publisher", func(f *filter, d draws) { f.Publisher = d.publisher }}},
		{open, pattern("conversion.completed"), pattern("exchange.*"), pattern("exchange.refunded"), pattern("exchange.lost")},
		{
			open, states(postback.Succeeded), states(postback.Dead), states(postback.Cancelled), states(postback.Parked),
			states(postback.Retrying), states(postback.Pending), states(postback.Dead, postback.Cancelled, postback.Parked),
		},
		{open, code(200), code(500), code(404), code(503), code(418)},
		{
			open,
			{"day", func(f *filter, d draws) { f.Since, f.Until = d.since, d.until }},
			{"older than half", func(f *filter, d draws) { f.Until = d.today.Add(-historyDays / 2 * 24 * time.Hour) }},
			{"no tests, ended before now", func(f *filter, d draws) { f.NoTests, f.EndedBefore = true, d.today.Add(24*time.Hour) }},
		},
	}
}

// combinations are all that can be asked.
func combinations(rest []aspect) []search {
	if len(rest) == 0 {
		return []search{{"", func(*postback.DeliveryFilter, draws) {}}}
	}
	var all []search
	for _, behind := range combinations(rest[1:]) {
		for _, value := range rest[0] {
			all = append(all, search{strings.Trim(value.name+", "+behind.name, ", "), func(f *postback.DeliveryFilter, d draws) {
				value.pick(f, d)
				behind.pick(f, d)
			}})
		}
	}
	return all
}

// someCombinations is how many combinations are drawn.
const someCombinations = 1000

// BenchmarkCombined times the first page of 50 of combinations of filters, drawn
// from all that there are, each three times with other values. The middle one
// counts; the slowest are named.
func BenchmarkCombined(b *testing.B) {
	ledger, total, today := history(b)
	type answer struct {
		name string
		took time.Duration
	}
	var answers []answer
	all := combinations(aspects())
	for b.Loop() {
		rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for _, question := range all[:someCombinations] {
			var took []time.Duration
			for range 3 {
				var filter postback.DeliveryFilter
				question.pick(&filter, draw(total, today))
				start := time.Now()
				if _, _, err := ledger.Deliveries(b.Context(), filter, postback.Page{Limit: 50}); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			answers = append(answers, answer{question.name, took[1]})
		}
	}
	slices.SortFunc(answers, func(a, b answer) int { return cmp.Compare(a.took, b.took) })
	for _, one := range answers[max(0, len(answers)-40):] {
		b.Logf("%8.1f ms  %s", float64(one.took.Microseconds())/1000, one.name)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(len(answers)), "searches")
	for quantile, part := range map[string]int{"p50-ms": 50, "p95-ms": 95, "p99-ms": 99, "worst-ms": 100} {
		b.ReportMetric(float64(answers[min(len(answers)*part/100, len(answers)-1)].took.Microseconds())/1000, quantile)
	}
}
