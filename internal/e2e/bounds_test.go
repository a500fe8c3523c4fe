package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

// A server refuses what is beyond its bounds by the statuses that its own document
// names.
func TestBoundsAreReachedAsTheDocumentSays(t *testing.T) {
	t.Parallel()
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	s := start(t, t.TempDir(), "--max-endpoints-per-publisher", "1", "--max-replays-per-publisher", "1", "--max-requests-per-key", "1")
	receiver := testkit.NewReceiver(t)
	receiver.Answer(testkit.Status(http.StatusInternalServerError))
	spec := client.EndpointSpec{
		Publisher: "pub_1", Scheme: "simpleswap",
		EndpointSettings: postback.EndpointSettings{
			URL: receiver.URL + "/hook", Retry: postback.RetryPolicy{Schedule: []postback.Duration{postback.Duration(time.Millisecond)}},
		},
	}
	if _, err := s.CreateEndpoint(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	_, err := s.CreateEndpoint(t.Context(), spec)
	s.expectBound(t, err, http.MethodPost, "/v1/endpoints", http.StatusConflict, postback.CodeLimit)

	var events []client.Event
	for i := range 3 {
		events = append(events, client.Event{ID: fmt.Sprintf("ex-%d", i), Type: "exchange.finished", Publisher: "pub_1", Data: json.RawMessage(`{"publicId":"p1","status":"finished"}`)})
	}
	eventually(t, time.Minute, "the events are accepted", func() bool { _, err := s.SendBatch(t.Context(), events); return err == nil })
	filter := client.DeliveryFilter{Publisher: postback.Given("pub_1"), States: []postback.State{postback.Dead}}
	eventually(t, time.Minute, "the dead letters", func() bool {
		counted, err := s.StartReplay(t.Context(), client.ReplayRequest{Filter: filter, DryRun: true})
		return err == nil && counted.Matched == len(events)
	})
	if _, err := s.StartReplay(t.Context(), client.ReplayRequest{Filter: filter, Rate: 0.01}); err != nil {
		t.Fatal(err)
	}
	_, err = s.StartReplay(t.Context(), client.ReplayRequest{Filter: filter, Rate: 0.01})
	s.expectBound(t, err, http.MethodPost, "/v1/replays", http.StatusConflict, postback.CodeLimit)

	for err = nil; err == nil && t.Context().Err() == nil; {
		_, err = s.SendBatch(t.Context(), events)
	}
	s.expectBound(t, err, http.MethodPost, "/v1/events/batch", http.StatusTooManyRequests, postback.CodeTooManyRequests)
}

// expectBound checks a refusal, and that the document describes it.
func (s *server) expectBound(t *testing.T, err error, method, path string, status int, code postback.Code) {
	t.Helper()
	var refused *client.Problem
	if !errors.As(err, &refused) || refused.Status != status || refused.Code != code || (refused.RetryAfter > 0) != (status == http.StatusTooManyRequests) {
		t.Errorf("%s %s is answered %v, want %d %s", method, path, err, status, code)
	}
	var document struct {
		Paths map[string]map[string]struct {
			Responses map[string]any `json:"responses"`
		} `json:"paths"`
	}
	eventually(t, time.Minute, "the document", func() bool {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/openapi.json", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+s.key)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		return err == nil && response.StatusCode == http.StatusOK && json.Unmarshal(text, &document) == nil
	})
	if document.Paths[path][strings.ToLower(method)].Responses[strconv.Itoa(status)] == nil {
		t.Errorf("%s %s: %d is not described", method, path, status)
	}
}
