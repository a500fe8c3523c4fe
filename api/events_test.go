package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

func conversion(id, data string) client.Event {
	return client.Event{ID: id, Type: "conversion.completed", Publisher: "pub_1", Data: json.RawMessage(data)}
}

func TestSendEvent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.client(t, "producer")
	first, err := c.SendEvent(t.Context(), conversion("tx-1", `{"payout": 1.50}`))
	if err != nil || first.ID != "tx-1" || first.Duplicate || len(first.Deliveries) != 1 || first.Deliveries[0].State != postback.Pending {
		t.Fatalf("got %+v, %v", first, err)
	}
	if got := string(b.events["tx-1"].Data); got != `{"payout":1.50}` {
		t.Errorf("data became %s", got)
	}
	repeat, err := c.SendEvent(t.Context(), conversion("tx-1", `{"payout": 1.50}`))
	if err != nil || !repeat.Duplicate {
		t.Errorf("repeat: %+v, %v", repeat, err)
	}
	_, err = c.SendEvent(t.Context(), conversion("tx-1", `{"payout": 1.5}`))
	var problem *client.Problem
	if !errors.As(err, &problem) || problem.Status != http.StatusConflict || problem.Code != postback.CodeConflict {
		t.Errorf("changed repeat: %v", err)
	}
}

func TestSendEventStatuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	body := `{"id":"tx-1","type":"exchange.finished","publisher":"pub_1","data":{"n":1.50}}`
	first := b.call(t, "producer", "POST", "/v1/events", body)
	want := `{"id":"tx-1","duplicate":false,"deliveries":[{"id":"dlv_1","endpoint_id":"ep_1","state":"pending"}]}` + "\n"
	if first.status != http.StatusAccepted || first.body != want {
		t.Errorf("got %d %s", first.status, first.body)
	}
	if got := string(b.events["tx-1"].Data); got != `{"n":1.50}` {
		t.Errorf("data became %s", got)
	}
	if again := b.call(t, "producer", "POST", "/v1/events", body); again.status != http.StatusOK {
		t.Errorf("repeat: %d", again.status)
	}
	if made := b.call(t, "admin", "POST", "/v1/events", strings.Replace(body, `"id":"tx-1",`, "", 1)); made.status != http.StatusAccepted || !strings.Contains(made.body, `"id":"evt_`) {
		t.Errorf("without an id: %d %s", made.status, made.body)
	}
}

func TestWarningsReachTheProducer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.client(t, "producer")
	event := conversion("tx-1", `{"a":1}`)
	event.Publisher = "pub_warned"
	one, err := c.SendEvent(t.Context(), event)
	if err != nil {
		t.Fatal(err)
	}
	event.ID = "tx-2"
	many, err := c.SendBatch(t.Context(), []client.Event{event})
	if err != nil {
		t.Fatal(err)
	}
	want := postback.Warning{Code: "unsendable", Message: "it is a dead letter", EndpointID: "ep_1", Field: "data.a"}
	for _, got := range [][]postback.Warning{one.Warnings, many[0].Warnings} {
		if len(got) != 1 || got[0] != want {
			t.Errorf("warned %+v", got)
		}
	}
	if one.Deliveries[0].Reason != postback.ReasonUnsendable || many[0].Deliveries[0].Reason != postback.ReasonUnsendable {
		t.Errorf("got %+v, %+v", one, many)
	}
}

func TestLedgerDown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.down = errors.New("dial tcp 10.0.0.9:5432: refused, password hunter2")
	c := b.client(t, "producer")
	_, err := c.SendEvent(t.Context(), conversion("tx-1", `{}`))
	var problem *client.Problem
	if !errors.As(err, &problem) || problem.Status != 503 || problem.Code != postback.CodeUnavailable || problem.RetryAfter <= 0 {
		t.Fatalf("got %v", err)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the reason leaks: %v", err)
	}
	b.stop()
	if !strings.Contains(b.logs.String(), "refused") {
		t.Errorf("the log does not say why: %s", b.logs)
	}
}

func TestBatch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.client(t, "producer")
	unsendable := conversion("tx-3", `{}`)
	unsendable.Publisher = "pub_unsendable"
	events := []client.Event{
		conversion("tx-1", `{"a":1}`),
		{ID: "tx-2", Type: "nonsense", Publisher: "pub_1", Data: json.RawMessage(`{}`)},
		conversion("tx-1", `{"a":1}`),
		conversion("tx-1", `{"a":2}`),
		unsendable,
		conversion("tx-4", `{"a":1}`),
		{ID: "tx-5", Type: "endpoint.disabled", Publisher: postback.Operator, Data: json.RawMessage(`{}`)},
		{ID: "tx-6", Type: "conversion.completed", Publisher: postback.Operator, Data: json.RawMessage(`{}`)},
	}
	check := func(results []client.BatchResult, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i, result := range results {
			if result.Index != i {
				t.Errorf("index %d at %d", result.Index, i)
			}
			line := fmt.Sprintf("%d %s %v", result.Status, result.ID, result.Duplicate)
			if result.Error != nil {
				line = fmt.Sprintf("%d %s %s", result.Status, result.Error.Code, result.Error.Field)
			}
			got = append(got, line)
		}
		want := "202 tx-1 false|422 invalid_request type|200 tx-1 true|409 conflict |422 missing_field data.user_id|202 tx-4 false" +
			"|422 invalid_request type|422 invalid_request publisher"
		if strings.Join(got, "|") != want {
			t.Errorf("got  %s\nwant %s", strings.Join(got, "|"), want)
		}
	}
	check(c.SendBatch(t.Context(), events))

	b.mu.Lock()
	clear(b.events)
	b.mu.Unlock()
	var lines strings.Builder
	for _, event := range events {
		line, err := json.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		lines.WriteString(string(line) + "\r\n\n")
	}
	check(c.SendLines(t.Context(), strings.NewReader(lines.String())))
}

func TestBatchAllBad(t *testing.T) {
	t.Parallel()
	b := setup(t)
	got := b.call(t, "producer", "POST", "/v1/events/batch", "{\n", "Content-Type", "application/x-ndjson; charset=utf-8")
	want := `{"results":[{"index":0,"line":1,"status":422,"error":{"code":"invalid_request","message":"the line is not valid JSON: it ends too early, at line 1, column 2 (byte 2)"}}]}` + "\n"
	if got.status != 200 || got.body != want {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestBatchLedgerDown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.down = errors.New("refused")
	if got := b.call(t, "producer", "POST", "/v1/events/batch", `{"events":[{}]}`); got.status != 503 || got.header.Get("Retry-After") == "" {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestReadEvents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill()
	c := b.client(t, "viewer")
	detail, err := c.GetEvent(t.Context(), "e/1?x=#%")
	if err != nil {
		t.Fatal(err)
	}
	if string(detail.Data) != `{"b":1.50,"a":"<&>","n":12345678901234567890}` || len(detail.Deliveries) != 2 {
		t.Errorf("got %+v", detail)
	}
	for event, err := range c.Events(t.Context(), client.EventFilter{Publisher: "pub_1", Type: "conversion.*", Unmatched: true, Rejected: true}) {
		if err != nil || event.ID != detail.ID || event.Data != nil {
			t.Errorf("got %+v, %v", event, err)
		}
	}
	b.events["odd"] = postback.Event{ID: "odd", Data: json.RawMessage("{broken"), Rejection: "the body is not valid JSON", AcceptedAt: start}
	odd, err := c.GetEvent(t.Context(), "odd")
	if err != nil || string(odd.Data) != `"{broken"` {
		t.Errorf("got %s, %v", odd.Data, err)
	}
}

// An event that no endpoint can carry is refused with each endpoint and its field,
// alone and in a batch.
func TestARefusalListsEndpoints(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.client(t, "producer")
	event := client.Event{Type: "conversion.completed", Publisher: "pub_uncarried", Data: json.RawMessage(`{}`)}
	_, err := c.SendEvent(t.Context(), event)
	var refused *client.Problem
	if !errors.As(err, &refused) || refused.Status != http.StatusUnprocessableEntity || refused.Code != "missing_field" || refused.Field != "data.user_id" {
		t.Fatalf("got %v", err)
	}
	results, err := c.SendBatch(t.Context(), []client.Event{event})
	if err != nil || results[0].Status != http.StatusUnprocessableEntity || results[0].Error == nil {
		t.Fatalf("got %+v, %v", results, err)
	}
	message := results[0].Error.Message
	if !strings.Contains(message, "endpoint ep_0, the first of 12") || refused.Detail != "data.user_id: "+message {
		t.Errorf("refused with %q and %q", refused.Detail, message)
	}
	for _, listed := range [][]client.FieldError{refused.Errors, results[0].Error.Errors} {
		want := client.FieldError{Field: "data.user_id", Message: "is required by the scheme", Code: "missing_field", EndpointID: "ep_9"}
		if len(listed) != postback.MaxProblems || listed[9] != want {
			t.Errorf("listed are %+v", listed)
		}
	}
	if refused.More != 2 || results[0].Error.More != 2 {
		t.Errorf("%d and %d are not listed", refused.More, results[0].Error.More)
	}
}
