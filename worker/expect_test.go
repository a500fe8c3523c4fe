package worker_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/worker"
)

// body answers a status with a body.
func body(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	}
}

func TestTheBodyDecidesWhereItIsExpected(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.exchange(t, func(s *postback.EndpointSpec) {
		s.Expect = &postback.Expect{Exact: "OK", Duplicate: postback.Texts{"DUP"}}
	})
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		state  postback.State
		code   string
		notes  []string
		says   string
	}{
		{"as expected", body(200, "OK\n"), postback.Succeeded, "", nil, ""},
		{"a duplicate", body(200, "DUP"), postback.Succeeded, "", []string{"duplicate"}, ""},
		{"another body", body(200, "ERROR"), postback.Retrying, "unexpected_body", nil, `exactly "OK"`},
		{"no body", body(200, ""), postback.Retrying, "unexpected_body", nil, `exactly "OK"`},
		{"more than is read", body(200, strings.Repeat("OK", 16<<10)), postback.Retrying, "unexpected_body", nil, "only its first 16384 bytes were read"},
		{"as expected, but 202", body(202, "OK"), postback.Retrying, "status_not_200", nil, ""},
		{"compressed", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write([]byte("\x1f\x8b"))
		}, postback.Retrying, "unexpected_body", nil, "Content-Encoding"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b.receiver.Answer(tt.answer)
			delivery, attempts := b.once(t, endpoint.ID)
			expectState(t, delivery, tt.state, "", 1)
			if delivery.LastError != tt.code || !slices.Equal(attempts[0].Notes, tt.notes) {
				t.Errorf("got %q, notes %q", delivery.LastError, attempts[0].Notes)
			}
			if tt.says != "" && !strings.Contains(attempts[0].Error.Message, tt.says) {
				t.Errorf("it says %q", attempts[0].Error.Message)
			}
		})
	}
}

// TestAnExpectationIsFollowedFromItsChangeOn would fail on one that is compiled
// once for good.
func TestAnExpectationIsFollowedFromItsChangeOn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.receiver.Answer(body(200, "DONE"))
	endpoint := b.exchange(t, func(s *postback.EndpointSpec) { s.Expect = &postback.Expect{Regex: "^OK"} })
	id := b.accept(t, endpoint.ID, exchangeData).Delivery.ID
	delivery, _ := b.deliver(t, id)
	expectState(t, delivery, postback.Retrying, "", 1)

	changed := &postback.Expect{Regex: "^(OK|DONE)$"}
	if _, _, err := b.Endpoints.Update(t.Context(), endpoint.ID, postback.EndpointPatch{"expect": changed}); err != nil {
		t.Fatal(err)
	}
	delivery, _ = b.deliver(t, id)
	expectState(t, delivery, postback.Succeeded, "", 2)

	var nothing *postback.Expect
	if _, _, err := b.Endpoints.Update(t.Context(), endpoint.ID, postback.EndpointPatch{"expect": nothing}); err != nil {
		t.Fatal(err)
	}
	b.receiver.Answer(body(200, "anything"))
	delivery, _ = b.once(t, endpoint.ID)
	expectState(t, delivery, postback.Succeeded, "", 1)
}

// TestWhatCannotBeJudgedIsNotSent: an expectation that another version stored
// and this one cannot read costs the endpoint no attempt.
func TestWhatCannotBeJudgedIsNotSent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.exchange(t)
	endpoint.Expect = &postback.Expect{Regex: "("}
	if _, err := b.Ledger.SaveEndpoint(t.Context(), endpoint); err != nil {
		t.Fatal(err)
	}
	if err := b.Registry.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	delivery, _ := b.once(t, endpoint.ID)
	expectState(t, delivery, postback.Pending, "", 0)
	b.expectNext(t, delivery, 15*time.Second)
	b.expectRequests(t, 0)
}

func BenchmarkClassify(b *testing.B) {
	result := egress.Result{Sent: true, StatusCode: http.StatusOK, Header: http.Header{}, Body: []byte(`{"status":"ok"}`)}
	for _, bench := range []struct {
		name   string
		expect *postback.Expect
	}{
		{"default", nil},
		{"exact", &postback.Expect{Exact: `{"status":"ok"}`}},
		{"regex", &postback.Expect{Regex: `"status":\s*"ok"`}},
		{"json", &postback.Expect{JSONPath: "status", Equals: `"ok"`}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			judge := worker.Judge()
			endpoint := postback.Endpoint{ID: "ep_1", Revision: 1, EndpointSettings: postback.EndpointSettings{Expect: bench.expect}}
			b.ReportAllocs()
			for b.Loop() {
				if !judge(endpoint, result) {
					b.Fatal("no success")
				}
			}
		})
	}
}

// An endpoint whose success was widened takes what it chose alone, and its body is
// looked at as that of a 200; an example is judged by the same rule.
func TestAnEndpointsOwnStatusesAreSuccess(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.exchange(t, func(s *postback.EndpointSpec) {
		s.Scheme, s.SuccessStatuses = "standard-webhooks", []int{200, 202}
		s.Expect = &postback.Expect{Contains: "OK"}
	})
	for _, tt := range []struct {
		answer http.HandlerFunc
		state  postback.State
		code   string
		says   string
	}{
		{body(200, "OK"), postback.Succeeded, "", ""},
		{body(202, "OK"), postback.Succeeded, "", ""},
		{body(202, "later"), postback.Retrying, "unexpected_body", "answered 202, but its body"},
		{body(201, "OK"), postback.Retrying, "status_not_200", "answered 201; only 200 or 202 is success"},
	} {
		b.receiver.Answer(tt.answer)
		delivery, attempts := b.once(t, endpoint.ID)
		expectState(t, delivery, tt.state, "", 1)
		if delivery.LastError != tt.code || tt.says != "" && !strings.Contains(attempts[0].Error.Message, tt.says) {
			t.Errorf("got %q, %+v", delivery.LastError, attempts[0].Error)
		}
		_, example, err := b.worker.Example(t.Context(), endpoint.ID, "")
		if succeeded := example.Outcome == postback.OutcomeSucceeded; err != nil || succeeded != (tt.code == "") {
			t.Errorf("an example: %+v, %v", example.Error, err)
		}
	}
}
