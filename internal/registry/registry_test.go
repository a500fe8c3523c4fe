package registry_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waybillhq/waybill/internal/registry"
	"github.com/waybillhq/waybill/postback"
)

// changes is a ledger of endpoint changes in memory.
type changes struct {
	mu   sync.Mutex
	list []postback.Endpoint
	err  error
}

func (c *changes) EndpointsSince(_ context.Context, revision int64) ([]postback.Endpoint, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil, c.err
	}
	var since []postback.Endpoint
	for _, endpoint := range c.list {
		if endpoint.Revision > revision {
			since = append(since, endpoint)
		}
	}
	return since, nil
}

func (c *changes) save(endpoint postback.Endpoint) {
	c.mu.Lock()
	defer c.mu.Unlock()
	endpoint.Revision = int64(len(c.list) + 1)
	c.list = append(c.list, endpoint)
}

func endpoint(id string, state postback.EndpointState, types ...string) postback.Endpoint {
	return postback.Endpoint{ID: id, Publisher: "pub_1", State: state, EndpointSettings: postback.EndpointSettings{EventTypes: types}}
}

func matching(r *registry.Registry, publisher, eventType string) []string {
	var ids []string
	for _, endpoint := range r.Matching(publisher, eventType) {
		ids = append(ids, endpoint.ID)
	}
	return ids
}

func TestMatchingFollowsChanges(t *testing.T) {
	t.Parallel()
	ledger := &changes{}
	ledger.save(endpoint("ep_all", postback.EndpointEnabled))
	ledger.save(endpoint("ep_conversions", postback.EndpointPaused, "conversion.*"))
	ledger.save(endpoint("ep_finished", postback.EndpointEnabled, "exchange.finished"))
	r := registry.New(ledger)
	refresh := func() {
		t.Helper()
		if err := r.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	refresh()
	check := func(publisher, eventType string, want ...string) {
		t.Helper()
		got := matching(r, publisher, eventType)
		if len(got) != len(want) {
			t.Fatalf("Matching(%s, %s) = %v, want %v", publisher, eventType, got, want)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("Matching(%s, %s) = %v, want %v", publisher, eventType, got, want)
			}
		}
	}
	check("pub_1", "conversion.completed", "ep_all", "ep_conversions")
	check("pub_1", "exchange.finished", "ep_all", "ep_finished")
	check("pub_1", "exchange.waiting", "ep_all")
	check("pub_2", "exchange.waiting")

	ledger.save(endpoint("ep_all", postback.EndpointDeleted))
	refresh()
	if all := r.All(); len(all) != 3 {
		t.Errorf("All lists %d endpoints, want the deleted one too", len(all))
	}
	check("pub_1", "exchange.finished", "ep_finished")
	if gone, ok := r.Endpoint("ep_all"); !ok || gone.State != postback.EndpointDeleted {
		t.Error("a deleted endpoint is not known as deleted any more")
	}
}

func TestFollowSeesAChangeWithinOneIntervalAndOutlivesErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ledger := &changes{err: errors.New("ledger away")}
		r := registry.New(ledger)
		ctx, stop := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() { r.Follow(ctx, 500*time.Millisecond, slog.New(slog.DiscardHandler)) })
		<-time.After(1100 * time.Millisecond)
		ledger.mu.Lock()
		ledger.err = nil
		ledger.mu.Unlock()
		ledger.save(endpoint("ep_1", postback.EndpointEnabled))
		<-time.After(500 * time.Millisecond)
		synctest.Wait()
		if _, ok := r.Endpoint("ep_1"); !ok {
			t.Error("the change was not seen within one interval")
		}
		stop()
		group.Wait()
	})
}

func TestLongestTimeout(t *testing.T) {
	t.Parallel()
	ledger := &changes{}
	for id, timeout := range map[string]time.Duration{"ep_1": 15 * time.Second, "ep_2": 40 * time.Second, "ep_gone": time.Minute} {
		one := endpoint(id, postback.EndpointEnabled)
		if one.Timeout = postback.Duration(timeout); id == "ep_gone" {
			one.State = postback.EndpointDeleted
		}
		ledger.save(one)
	}
	r := registry.New(ledger)
	if got := r.LongestTimeout(); got != 0 {
		t.Errorf("without endpoints it is %s", got)
	}
	if err := r.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := r.LongestTimeout(); got != 40*time.Second {
		t.Errorf("it is %s, want that of ep_2", got)
	}
}
