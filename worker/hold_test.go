package worker_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/limit"
	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/worker"
)

// holds notes for how long endpoints are to be left alone, and holds none.
type holds struct {
	mu    sync.Mutex
	asked []time.Duration
}

func (*holds) Held(postback.Endpoint, time.Time) bool { return false }

func (h *holds) Hold(_ context.Context, _ postback.Endpoint, _ time.Time, wait time.Duration) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = append(h.asked, wait)
	return errAway
}

// after answers with a status and a Retry-After.
func after(status int, value string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if value != "" {
			w.Header().Set("Retry-After", value)
		}
		w.WriteHeader(status)
	}
}

// Whoever says when to come again gets nothing before, no delivery of it, and
// nobody else waits for that.
func TestRetryAfterHoldsTheEndpoint(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		b := setup(t, func(o *worker.Options) {
			queue := task.OpenEmbedded()
			t.Cleanup(func() { _ = queue.Close() })
			holds := limit.NewHolds(queue.Scripter())
			o.Gate.Holds, o.Decide.Holder = holds, holds
		})
		endpoint, other := b.exchange(t), b.exchange(t)
		b.clock.advance(time.Second)
		b.receiver.Answer(after(status, "20"))
		first, _ := b.once(t, endpoint.ID)
		expectState(t, first, postback.Retrying, "", 1)
		b.expectNext(t, first, 20*time.Second)
		b.receiver.Answer(after(http.StatusOK, ""))
		b.clock.advance(20*time.Second - time.Microsecond)
		for range 5 {
			waits, _ := b.once(t, endpoint.ID)
			expectState(t, waits, postback.Parked, postback.ReasonOverLimit, 0)
		}
		b.expectRequests(t, 1)
		free, _ := b.once(t, other.ID)
		expectState(t, free, postback.Succeeded, "", 1)
		b.clock.advance(time.Microsecond)
		first, _ = b.deliver(t, first.ID)
		expectState(t, first, postback.Succeeded, "", 2)
		next, _ := b.once(t, endpoint.ID)
		expectState(t, next, postback.Succeeded, "", 1)
	}
}

// Only 429 and 503 hold an endpoint, for what can be read, and for an hour at
// most. An example holds nobody. That others cannot be notified is no failure.
func TestWhatHoldsAnEndpoint(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		status int
		value  string
		want   time.Duration // 0: it is not held
	}{
		{"seconds", 429, "20", 20 * time.Second},
		{"an absurd time", 503, "999999999", time.Hour},
		{"nothing", 429, "", 0},
		{"words", 429, "soon", 0},
		{"negative", 503, "-20", 0},
		{"another failure", 500, "20", 0},
		{"success", 200, "20", 0},
	}
	for _, tt := range tests {
		heard := &holds{}
		b := setup(t, func(o *worker.Options) { o.Gate.Holds, o.Decide.Holder = heard, heard })
		endpoint := b.exchange(t)
		b.receiver.Answer(after(tt.status, tt.value))
		b.once(t, endpoint.ID)
		if _, _, err := b.worker.Example(t.Context(), endpoint.ID, ""); err != nil {
			t.Fatal(err)
		}
		var want []time.Duration
		if tt.want > 0 {
			want = append(want, tt.want)
		}
		if len(heard.asked) != len(want) || len(want) > 0 && heard.asked[0] != want[0] {
			t.Errorf("%s: held for %v, want %v", tt.name, heard.asked, want)
		}
	}
}
