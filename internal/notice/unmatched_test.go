package notice_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/storetest"
)

// stray accepts an event that no endpoint wants.
func (b *bench) stray(t *testing.T, publisher, id string, at time.Time) {
	t.Helper()
	event := storetest.Event(id)
	event.Publisher, event.AcceptedAt = publisher, at
	if _, err := b.Ledger.Accept(t.Context(), []postback.Acceptance{{Event: event}}); err != nil {
		t.Fatal(err)
	}
}

// Events that reached nobody are sent together, once by all processes, and a
// process that starts later reports what the one before it did not.
func TestEventsThatReachedNobodyAreSentTogether(t *testing.T) {
	t.Parallel()
	b := setup(t)
	begin := storetest.Noon().Truncate(5 * time.Minute)
	first, second := b.process(t), b.process(t)
	look(t, first, begin)
	for i := range 7 {
		b.stray(t, "pub_l", fmt.Sprintf("conv-%d", i), begin.Add(time.Duration(i)*time.Second))
	}
	b.stray(t, "pub_1", "conv-narrow", begin.Add(5*time.Minute-time.Microsecond))
	b.stray(t, "pub_l", "conv-next", begin.Add(5*time.Minute))
	for _, step := range []struct {
		after time.Duration
		sent  int
	}{{5 * time.Minute, 0}, {6*time.Minute - time.Second, 0}, {6 * time.Minute, 1}, {7 * time.Minute, 1}} {
		look(t, first, begin.Add(step.after))
		look(t, second, begin.Add(step.after))
		b.expectSent(t, map[string]int{postback.NoticeUnmatched: step.sent})
	}
	at := begin.Format("2006-01-02T15:04")
	got := b.dataOf(t, postback.NoticeUnmatched)
	want := `{"count":8,"since":"` + at + `:00.000Z","until":"` + begin.Add(5*time.Minute).Format("2006-01-02T15:04") + `:00.000Z","publishers":[` +
		`{"publisher":"pub_l","count":7,"endpoints":0,"events":["conv-0","conv-1","conv-2","conv-3","conv-4"]},` +
		`{"publisher":"pub_1","count":1,"endpoints":1,"events":["conv-narrow"]}],"more_publishers":0}`
	if got != want {
		t.Errorf("it says\n%s, want\n%s", got, want)
	}
	b.expectExample(t, postback.NoticeUnmatched, got)

	look(t, b.process(t), begin.Add(40*time.Minute))
	b.expectSent(t, map[string]int{postback.NoticeUnmatched: 2})
	look(t, b.process(t), begin.Add(3*time.Hour))
	b.expectSent(t, map[string]int{postback.NoticeUnmatched: 2})
}

// With many publishers the worst are named; and that an operator has no endpoint
// for an alert is alerted to nobody.
func TestManyPublishersAreCounted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	begin := storetest.Noon().Truncate(5 * time.Minute)
	for i := range 14 {
		b.stray(t, fmt.Sprintf("pub_x%02d", i), fmt.Sprintf("conv-%d", i), begin)
	}
	b.stray(t, postback.Operator, "op_before", begin)
	look(t, b.process(t), begin.Add(10*time.Minute))
	fields := keysOf(t, b.dataOf(t, postback.NoticeUnmatched))
	if named, _ := fields["publishers"].([]any); fields["count"] != 14.0 || fields["more_publishers"] != 4.0 || len(named) != 10 {
		t.Errorf("it says %v", fields)
	}
}
