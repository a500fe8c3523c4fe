package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// hosts are addresses with one port, on which nobody listens until they open.
type hosts struct {
	addresses []string
	got       atomic.Int64
}

func newHosts(t *testing.T, count int) *hosts {
	t.Helper()
	free, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.1.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer free.Close()
	_, port, _ := strings.Cut(free.Addr().String(), ":")
	h := &hosts{}
	for i := range count {
		h.addresses = append(h.addresses, fmt.Sprintf("127.0.1.%d:%s", i+1, port))
	}
	return h
}

// open has them answer 200.
func (h *hosts) open(t *testing.T) {
	t.Helper()
	for _, address := range h.addresses {
		listener, err := (&net.ListenConfig{}).Listen(context.WithoutCancel(t.Context()), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		opened := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { h.got.Add(1) }))
		opened.Listener.Close()
		opened.Listener = listener
		opened.Start()
		t.Cleanup(opened.Close)
	}
}

// Guarantee: when the receivers of many publishers cannot be reached, the fault is
// ours: deliveries are held and use up no attempt, an operator is alerted once that
// nothing can be sent and once that it can, and then they are delivered.
func TestAnOutageOfOursIsAlertedOnce(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--health-listen", "127.0.0.1:0")
	away := newHosts(t, 8)
	for i, address := range away.addresses {
		publisher := fmt.Sprintf("pub_%d", i)
		_, err := s.CreateEndpoint(t.Context(), client.EndpointSpec{
			Publisher: publisher, Scheme: "simpleswap",
			EndpointSettings: postback.EndpointSettings{
				URL:   "http://" + address + "/hook",
				Retry: postback.RetryPolicy{Schedule: []postback.Duration{second, second, second, second, second}},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.SendEvent(t.Context(), client.Event{
			Type: "exchange.finished", Publisher: publisher, Data: json.RawMessage(`{"publicId":"ex_1","status":"finished"}`),
		}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, time.Minute, "an outage", func() bool { return logged("egress outage", s) > 0 })
	if down := s.scraped(t, `waybill_egress_outage(?:\{[^}]*\})?`); down != "1" {
		t.Errorf("the metric says %q", down)
	}
	// Attempts are made again after a second, so six of them would be used up by now.
	eventually(t, time.Minute, "probes that change nothing", func() bool {
		return strings.Count(s.log.String(), "error=egress_outage") >= 12
	})
	page, err := s.ListDeliveries(t.Context(), client.DeliveryFilter{}, client.PageRequest{Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range page.Items {
		if one.Publisher != postback.Operator && (one.LastError != "egress_outage" || one.Attempts > 3 || one.State.Ended()) {
			t.Errorf("a delivery is %s after %d attempts: %s", one.State, one.Attempts, one.LastError)
		}
	}

	away.open(t)
	eventually(t, time.Minute, "all deliveries", func() bool { return away.got.Load() == int64(len(away.addresses)) })
	operator := newPager(t, s)
	recovered := operator.first(t, postback.NoticeUp)
	if recovered.Data.Reason != "egress_outage" {
		t.Errorf("the operator was alerted of %+v", recovered)
	}
	settled(t, s, time.Minute)
	events, err := s.ListEvents(t.Context(), client.EventFilter{Publisher: postback.Operator}, client.PageRequest{Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, event := range events.Items {
		counts[event.Type]++
	}
	if counts[postback.NoticeDown] != 1 || counts[postback.NoticeUp] != 1 || counts[postback.NoticeFailing]+counts[postback.NoticeDead] != 0 {
		t.Errorf("alerts are %v", counts)
	}
	if down, up := logged("egress outage", s), logged("egress recovered", s); down != 1 || up != 1 {
		t.Errorf("logged are %d and %d", down, up)
	}
}
