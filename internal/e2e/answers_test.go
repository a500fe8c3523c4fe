package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// answering is a receiver whose status, body and Retry-After can be changed.
type answering struct {
	URL    string
	answer atomic.Pointer[answer]
}

type answer struct {
	status           int
	body, retryAfter string
}

func newAnswering(t *testing.T, first answer) *answering {
	t.Helper()
	r := &answering{}
	r.answer.Store(&first)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		now := r.answer.Load()
		if now.retryAfter != "" {
			w.Header().Set("Retry-After", now.retryAfter)
		}
		w.WriteHeader(now.status)
		_, _ = w.Write([]byte(now.body))
	}))
	t.Cleanup(server.Close)
	r.URL = server.URL
	return r
}

// answersCase is an endpoint with its receiver, and what comes of an event.
type answersCase struct {
	name   string
	answer answer
	on     []string
	stopOn []int
	state  postback.State
	reason postback.Reason
	code   string
}

func TestWhatAnAnswerLeadsTo(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	for _, tt := range []answersCase{
		{"as expected", answer{200, " OK\n", ""}, nil, nil, postback.Succeeded, "", ""},
		{"duplicate", answer{200, "DUP", ""}, nil, nil, postback.Succeeded, "", ""},
		{"wrong body", answer{200, "ERROR", ""}, nil, nil, postback.Dead, postback.ReasonExhausted, "unexpected_body"},
		{"wrong body, not retried", answer{200, "ERROR", ""}, []string{"5xx"}, nil, postback.Dead, postback.ReasonNotRetried, "unexpected_body"},
		{"right body, wrong status", answer{202, "OK", ""}, nil, nil, postback.Dead, postback.ReasonExhausted, "status_not_200"},
		{"403 to stop on", answer{403, "", ""}, nil, []int{403}, postback.Dead, postback.ReasonStopped, "status_not_200"},
		{"403, server errors alone", answer{403, "", ""}, []string{"5xx"}, nil, postback.Dead, postback.ReasonNotRetried, "status_not_200"},
		{"garbage in Retry-After", answer{503, "", "soon, -1"}, nil, nil, postback.Dead, postback.ReasonExhausted, "status_not_200"},
		{"long Retry-After", answer{503, "", "999999"}, nil, nil, postback.Retrying, "", "status_not_200"},
		{"410", answer{410, "", ""}, nil, nil, postback.Parked, postback.ReasonDisabled, "status_not_200"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.check(t, s)
		})
	}
}

func (c answersCase) check(t *testing.T, s *server) {
	t.Helper()
	receiver := newAnswering(t, c.answer)
	transaction := strings.Map(func(r rune) rune {
		if r == ' ' || r == ',' {
			return '_'
		}
		return r
	}, c.name)
	publisher := "pub_" + transaction
	endpoint, err := s.CreateEndpoint(t.Context(), client.EndpointSpec{
		Publisher: publisher, Scheme: "besitos",
		EndpointSettings: postback.EndpointSettings{
			URL:    receiver.URL,
			Retry:  postback.RetryPolicy{Schedule: []postback.Duration{postback.Duration(10 * time.Millisecond)}, On: c.on, StopOn: c.stopOn},
			Expect: &postback.Expect{Exact: "OK", Duplicate: postback.Texts{"DUP"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	sent := event(transaction)
	sent.Publisher = publisher
	accepted, err := s.SendEvent(t.Context(), sent)
	if err != nil {
		t.Fatal(err)
	}
	id := accepted.Deliveries[0].ID
	c.await(t, s, id, c.state)
	shown, err := s.GetDelivery(t.Context(), id)
	if err != nil || shown.Reason != c.reason || shown.LastError != c.code {
		t.Fatalf("got %s %q, last error %q, %v", shown.State, shown.Reason, shown.LastError, err)
	}
	if c.state != postback.Parked {
		return
	}
	receiver.answer.Store(&answer{200, "OK", ""})
	if now, err := s.EnableEndpoint(t.Context(), endpoint.ID); err != nil || now.State != postback.EndpointEnabled {
		t.Fatalf("enabled: %+v, %v", now, err)
	}
	c.await(t, s, id, postback.Succeeded)
}

func (c answersCase) await(t *testing.T, s *server, id string, state postback.State) {
	t.Helper()
	eventually(t, 30*time.Second, c.name+" to be "+string(state), func() bool {
		shown, err := s.GetDelivery(t.Context(), id)
		return err == nil && shown.State == state
	})
}
