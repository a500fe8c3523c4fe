package worker_test

import (
	"context"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/worker"
)

// asked notes what was asked of it and answers 200.
type asked struct {
	requests []egress.Request
	result   egress.Result
}

func (a *asked) Send(_ context.Context, request egress.Request, _ time.Duration) egress.Result {
	a.requests = append(a.requests, request)
	return a.result
}

// Only a body that decides is worth an attempt's whole time.
func TestABodyIsAwaitedWhereItDecides(t *testing.T) {
	t.Parallel()
	out := &asked{result: egress.Result{Sent: true, StatusCode: http.StatusOK, Body: []byte("OK")}}
	b := setup(t, func(o *worker.Options) { o.Send = out })
	for name, test := range map[string]struct {
		settings postback.EndpointSettings
		want     []int
	}{
		"no body":             {postback.EndpointSettings{}, nil},
		"a body":              {postback.EndpointSettings{Expect: &postback.Expect{Exact: "OK"}}, []int{200}},
		"of several statuses": {postback.EndpointSettings{Expect: &postback.Expect{Exact: "OK"}, SuccessStatuses: []int{200, 202}}, []int{200, 202}},
	} {
		out.requests = nil
		endpoint := b.exchange(t, func(s *postback.EndpointSpec) {
			s.Scheme, s.Expect, s.SuccessStatuses = "standard-webhooks", test.settings.Expect, test.settings.SuccessStatuses
		})
		delivery, _ := b.once(t, endpoint.ID)
		expectState(t, delivery, postback.Succeeded, "", 1)
		if len(out.requests) != 1 || !slices.Equal(out.requests[0].AwaitBody, test.want) {
			t.Errorf("%s: got %+v", name, out.requests)
		}
	}
}

// A connection that the receiver had closed costs no attempt, and is noted.
func TestARequestThatWasSentAgainIsNoted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.exchange(t)
	delivery, attempts := b.once(t, endpoint.ID)
	expectState(t, delivery, postback.Succeeded, "", 1)
	if len(attempts[0].Notes) > 0 {
		t.Errorf("notes %q", attempts[0].Notes)
	}
	// The receiver breaks the kept connection, and answers on the next.
	var broken atomic.Bool
	b.receiver.Answer(func(http.ResponseWriter, *http.Request) {
		if !broken.Swap(true) {
			panic(http.ErrAbortHandler)
		}
	})
	delivery, attempts = b.once(t, endpoint.ID)
	expectState(t, delivery, postback.Succeeded, "", 1)
	if !slices.Equal(attempts[0].Notes, []string{"sent again at once, on a new connection: the receiver had closed the kept one"}) {
		t.Errorf("notes %q", attempts[0].Notes)
	}
	b.expectRequests(t, 3)
}
