package worker

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// Alerts tells operators of what only they can mend.
type Alerts interface {
	// Blocked says why nothing can be sent to an endpoint, once for each cause and
	// day, whoever says so and however often.
	Blocked(ctx context.Context, block postback.Block) error
}

// alertPause is how long this process does not repeat an alert.
const alertPause = 10 * time.Minute

// alerted remembers which alerts this process has sent lately.
type alerted struct {
	busy sync.Mutex // an alert is being sent

	mu sync.Mutex
	at map[block]time.Time
}

type block struct{ endpointID, cause string }

// due reports whether an alert is to be sent, and notes that it is.
func (a *alerted) due(which block, at time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if last, sent := a.at[which]; sent && at.Sub(last) < alertPause {
		return false
	}
	a.at[which] = at
	return true
}

// forget has an alert sent again.
func (a *alerted) forget(which block) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.at, which)
}

// alertBlocked tells operators why nothing can be sent to an endpoint. What cannot
// be told now is told when the next delivery waits. A ledger that hangs lets one
// attempt wait for it, and not all of them: writing an event is not cut off.
func (w *Worker) alertBlocked(ctx context.Context, endpoint postback.Endpoint, given verdict, at time.Time) {
	which := block{endpoint.ID, given.failure.Code}
	if w.Alerts == nil || !w.alerted.busy.TryLock() {
		return
	}
	defer w.alerted.busy.Unlock()
	if !w.alerted.due(which, at) {
		return
	}
	err := w.Alerts.Blocked(ctx, postback.Block{EndpointID: endpoint.ID, Cause: given.failure.Code, Message: given.failure.Message, At: at})
	if err != nil {
		w.alerted.forget(which)
		w.Logger.WarnContext(ctx, "alert not sent", slog.String("endpoint", endpoint.ID), slog.String("cause", given.failure.Code), slog.Any("error", err))
	}
}
