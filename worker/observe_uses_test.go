package worker_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/worker"
)

// saveUses has the worker stop, which writes when secrets were last used, and
// reads the endpoint.
func (b *bench) saveUses(t *testing.T, endpointID string) postback.Endpoint {
	t.Helper()
	ended, end := context.WithCancel(t.Context())
	end()
	b.worker.Run(ended)
	known, err := b.Ledger.Endpoint(t.Context(), endpointID)
	if err != nil {
		t.Fatal(err)
	}
	return known
}

// An attempt does not wait for the note of the secret that signed it: it is
// written later, and at the latest when the worker stops.
func TestAnAttemptDoesNotWaitForTheUseOfItsSecret(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.receiver.Answer(testkit.Status(http.StatusOK))
	endpoint := b.exchange(t)
	_, attempts := b.once(t, endpoint.ID)
	known, err := b.Ledger.Endpoint(t.Context(), endpoint.ID)
	if err != nil || !known.Secrets[0].LastUsedAt.IsZero() {
		t.Errorf("it was written with the attempt: %s, %v", known.Secrets[0].LastUsedAt, err)
	}
	if got := b.saveUses(t, endpoint.ID).Secrets[0].LastUsedAt; !got.Equal(attempts[0].StartedAt) {
		t.Errorf("it was last used at %s, want %s", got, attempts[0].StartedAt)
	}
}

// noted keeps the uses that are reported to it, and can be away.
type noted struct {
	mu    sync.Mutex
	away  bool
	calls [][]postback.SecretUse
}

func (n *noted) UseSecrets(_ context.Context, uses []postback.SecretUse) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.away {
		return errors.New("the ledger is away")
	}
	n.calls = append(n.calls, uses)
	return nil
}

// Of each secret the last use is written, all of them together, and again when
// the ledger was away.
func TestUsesAreWrittenTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ledger := &noted{away: true}
		made := worker.NewSecretUseSaver(ledger, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			made.Run(ctx)
		}()
		at := time.Now()
		made.Add("ep_2", 1, at)
		made.Add("ep_1", 2, at.Add(time.Second))
		made.Add("ep_1", 2, at)
		made.Add("ep_1", 0, at) // an example that was signed with none
		<-time.After(15 * time.Second)
		ledger.mu.Lock()
		ledger.away = false
		ledger.mu.Unlock()
		<-time.After(30 * time.Second)
		made.Add("ep_1", 2, at.Add(time.Minute))
		stop()
		<-ended
		want := [][]postback.SecretUse{
			{{EndpointID: "ep_1", Version: 2, At: at.Add(time.Second)}, {EndpointID: "ep_2", Version: 1, At: at}},
			{{EndpointID: "ep_1", Version: 2, At: at.Add(time.Minute)}},
		}
		if !slices.EqualFunc(ledger.calls, want, slices.Equal) {
			t.Errorf("written: %v\nwant %v", ledger.calls, want)
		}
	})
}
