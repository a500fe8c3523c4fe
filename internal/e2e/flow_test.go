package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// register makes an endpoint for the receiver and tells it the secret.
func register(t *testing.T, s *server, r *receiver, schedule ...postback.Duration) {
	t.Helper()
	url := r.URL + "/postback"
	if r.scheme == "bitlabs" {
		url += "?uid=[%UID%]&tx=[%TX%]"
	}
	spec := client.EndpointSpec{Publisher: "pub_1", Scheme: r.scheme, EndpointSettings: postback.EndpointSettings{URL: url}}
	if len(schedule) > 0 {
		spec.Retry = postback.RetryPolicy{Schedule: schedule}
	}
	made, err := s.CreateEndpoint(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	r.secrets = []string{made.Secret}
	r.mu.Unlock()
}

func event(transaction string) client.Event {
	data, _ := json.Marshal(map[string]string{"tx": transaction, "uid": "user 1"})
	return client.Event{ID: "event-" + transaction, Type: "conversion.completed", Publisher: "pub_1", Data: data}
}

// producer sends events one after another on several connections, as a
// platform would: an event whose answer it did not get it sends again.
type producer struct {
	server   atomic.Pointer[server]
	choose   func() *server // instead of server
	accepted atomic.Int64
}

// produce sends count events and returns their transactions. It returns when
// every one has been accepted.
func (p *producer) produce(ctx context.Context, t *testing.T, count int) []string {
	t.Helper()
	transactions := make([]string, count)
	next := make(chan string)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for transaction := range next {
				p.send(ctx, t, transaction)
			}
		})
	}
	for i := range transactions {
		transactions[i] = fmt.Sprintf("t%06d", i)
		next <- transactions[i]
	}
	close(next)
	group.Wait()
	return transactions
}

func (p *producer) send(ctx context.Context, t *testing.T, transaction string) {
	for ctx.Err() == nil {
		to := p.server.Load()
		if p.choose != nil {
			to = p.choose()
		}
		if _, err := to.SendEvent(ctx, event(transaction)); err == nil {
			p.accepted.Add(1)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Errorf("event %s was never accepted", transaction)
}

// waitAccepted waits until so many events have been accepted.
func (p *producer) waitAccepted(t *testing.T, count int64) {
	t.Helper()
	eventually(t, time.Minute, fmt.Sprintf("%d events to be accepted", count), func() bool {
		return p.accepted.Load() >= count
	})
}

// eventually waits for a condition, and fails the test when it does not come.
func eventually(t *testing.T, patience time.Duration, what string, condition func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(patience)
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("waited %s in vain for %s", patience, what)
		}
	}
}

// settled waits until every delivery has ended, and counts them by state.
func settled(t *testing.T, s *server, patience time.Duration) map[string]int {
	t.Helper()
	eventually(t, patience, "every delivery to end", func() bool {
		for _, state := range []postback.State{postback.Pending, postback.Retrying, postback.Parked} {
			page, err := s.ListDeliveries(t.Context(), client.DeliveryFilter{States: []postback.State{state}}, client.PageRequest{Limit: 1})
			if err != nil || len(page.Items) > 0 {
				return false
			}
		}
		return true
	})
	states := map[string]int{}
	for delivery, err := range s.Deliveries(t.Context(), client.DeliveryFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		states[string(delivery.State)]++
	}
	return states
}

// soon is shorter than the grace after which the sweeper looks after lost
// tasks: what is delivered within it was noticed as lost at once.
const soon = 30 * time.Second

// checkAllDelivered fails unless every transaction came in time, every
// signature held and every delivery succeeded.
func checkAllDelivered(t *testing.T, s *server, r *receiver, transactions []string, patience time.Duration) {
	t.Helper()
	r.waitFor(t, len(transactions), patience)
	states := settled(t, s, patience)
	if missing := r.missing(transactions); len(missing) > 0 {
		t.Errorf("%d accepted events never came, such as %s", len(missing), missing[0])
	}
	if bad := r.refusals(); len(bad) > 0 {
		t.Errorf("%d signatures did not hold, such as %s", len(bad), bad[0])
	}
	if states["succeeded"] != len(transactions) || len(states) != 1 {
		t.Errorf("deliveries by state: %v, want %d succeeded and nothing else", states, len(transactions))
	}
	different, all := r.seen()
	t.Logf("%d events, %d requests, %d of them repeats", different, all, all-different)
}
