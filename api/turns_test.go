package api_test

import (
	"context"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/waybillhq/waybill/api"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

// maxAbreast is how many calls of one publisher are worked on at once.
const maxAbreast = 8

// slowHistory is a history whose searches by one publisher take until they are let go.
type slowHistory struct {
	fakeHistory

	mu      sync.Mutex
	running int
	most    int
	release chan struct{}
}

func (s *slowHistory) Deliveries(ctx context.Context, filter postback.DeliveryFilter, page postback.Page) ([]postback.Delivery, string, error) {
	if filter.Publisher == "pub_1" {
		s.count(1)
		defer s.count(-1)
		<-s.release
	}
	return s.fakeHistory.Deliveries(ctx, filter, page)
}

func (s *slowHistory) count(change int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running += change
	s.most = max(s.most, s.running)
}

func (s *slowHistory) atOnce() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running
}

// A publisher that asks for much at once waits for itself.
func TestCallsOfAPublisherWaitForEachOther(t *testing.T) {
	t.Parallel()
	b := &bundle{fakes: newFakes(), logs: &lockedBuffer{}}
	history := &slowHistory{fakeHistory: fakeHistory{b.fakes}, release: make(chan struct{})}
	options := optionsOf(b.fakes, b.logs)
	options.History = history
	handler, err := api.New(options)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	b.url = server.URL

	var calls sync.WaitGroup
	for range 3 * maxAbreast {
		calls.Go(func() {
			if got := b.call(t, "publisher", "GET", "/v1/deliveries", ""); got.status != 200 {
				t.Errorf("got %d %s", got.status, got.body)
			}
		})
	}
	testkit.Eventually(t, "some are worked on", func() bool { return history.atOnce() == maxAbreast })
	for _, who := range []string{"other", "admin"} {
		if got := b.call(t, who, "GET", "/v1/endpoints", ""); got.status != 200 {
			t.Errorf("%s got %d %s", who, got.status, got.body)
		}
	}
	close(history.release)
	calls.Wait()
	if history.most != maxAbreast {
		t.Errorf("%d were worked on at once, want %d", history.most, maxAbreast)
	}
}
