package api_test

import (
	"context"
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// fakeRematcher answers in two parts.
type fakeRematcher struct{ *fakes }

func (f fakeRematcher) DeliverEvents(ctx context.Context, filter postback.EventFilter, cursor string, _ bool) (postback.Rematch, error) {
	f.changing(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rematched = append(f.rematched, filter)
	if cursor == "" {
		return postback.Rematch{Events: 10, Deliveries: 7, Unmatched: 2, Unsendable: 1, Next: "more", Problems: postback.Problems{
			Named: []postback.Problem{{EndpointID: "ep_1", Code: "value_missing", Field: "data.uid", Message: "is required", EventID: "evt_1", Events: 2}}, More: 3,
		}}, f.down
	}
	return postback.Rematch{Events: 1, Deliveries: 1}, f.down
}

func TestDeliverEvents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.client(t, "publisher")
	filter := client.EventFilter{Type: "conversion.*", Unmatched: true, Since: client.Time{Time: start.Add(-time.Hour)}}
	first, err := c.DeliverEvents(t.Context(), filter, "", true)
	want := client.Rematch{
		Events: 10, Deliveries: 7, Unmatched: 2, Unsendable: 1, NextCursor: "more", MoreProblems: 3,
		Problems: []client.RematchProblem{{EndpointID: "ep_1", Code: "value_missing", Field: "data.uid", Message: "is required", EventID: "evt_1", Events: 2}},
	}
	if err != nil || !reflect.DeepEqual(first, want) {
		t.Fatalf("got %+v, %v", first, err)
	}
	last, err := c.DeliverEvents(t.Context(), filter, first.NextCursor, true)
	if err != nil || !reflect.DeepEqual(last, client.Rematch{Events: 1, Deliveries: 1}) {
		t.Errorf("got %+v, %v", last, err)
	}
	got := b.rematched[1]
	if got.Publisher != "pub_1" || got.EventType != "conversion.*" || !got.Unmatched || got.Since.IsZero() || !got.Until.IsZero() {
		t.Errorf("picked by %+v", got)
	}
	for body, field := range map[string]string{
		`{"filter":{}}`: "filter", `{"filter":{"type":"nonsense"}}`: "filter.type", `{"filter":{"since":"soon"}}`: "filter.since",
		`{"filter":{"state":"dead"}}`: "filter.state",
	} {
		answer := b.call(t, "admin", "POST", "/v1/events/deliver", body)
		if answer.status != http.StatusUnprocessableEntity || answer.problem(t).Field != field {
			t.Errorf("%s: %d %s", body, answer.status, answer.body)
		}
	}
}
