package api_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/api"
	"github.com/waybillhq/waybill/postback"
)

// instantIntake accepts everything and keeps nothing.
type instantIntake struct{}

func (instantIntake) Accept(_ context.Context, events []postback.Event) ([]postback.Acceptance, error) {
	answers := make([]postback.Acceptance, len(events))
	for i, event := range events {
		answers[i] = postback.Acceptance{Event: event, Deliveries: []postback.Delivery{{ID: "dlv_1", EndpointID: "ep_1", State: postback.Pending}}}
	}
	return answers, nil
}

func benchHandler(b *testing.B) http.Handler {
	b.Helper()
	options := optionsOf(newFakes(), io.Discard)
	options.Intake = instantIntake{}
	handler, err := api.New(options)
	if err != nil {
		b.Fatal(err)
	}
	return handler
}

func bench(b *testing.B, path, body string, want int) {
	handler := benchHandler(b)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		request := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
		request.Header.Set("Authorization", "Bearer "+keyPrefix+"producer")
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		if recorder.Code != want {
			b.Fatalf("got %d %s", recorder.Code, recorder.Body)
		}
	}
}

const benchEvent = `{"id":"tx-8ee08f32","type":"conversion.completed","publisher":"pub_1","data":{"user_id":"u-7","transaction_id":"8ee08f32ae61","reward":"1.50","payout":0.10,"offer_name":"An offer","offer_id":1234}}`

// BenchmarkSendEvent is the hot path: everything but the ledger and the
// network. Of it, BenchmarkParseEvent is the part in package postback.
func BenchmarkSendEvent(b *testing.B) { bench(b, "/v1/events", benchEvent, http.StatusAccepted) }

func BenchmarkSendBatch(b *testing.B) {
	body := `{"events":[` + strings.Repeat(benchEvent+",", 999) + benchEvent + `]}`
	bench(b, "/v1/events/batch", body, http.StatusOK)
}

func BenchmarkParseEvent(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := postback.ParseEvent([]byte(benchEvent)); err != nil {
			b.Fatal(err)
		}
	}
}
