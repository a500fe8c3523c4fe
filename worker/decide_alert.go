package worker

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// Alerts notifies operators of what only they can mend.
type Alerts interface {
	// Blocked says why nothing can be sent to an endpoint. It is shown for
	// postback.BlockLasts, and reported once for each cause and day, whoever says so and
	// however often.
	Blocked(ctx context.Context, block postback.Block) error
}

// alertPause is how long this process does not repeat an alert: it is repeated
// before it counts no more.
const alertPause = postback.BlockLasts / 3

// blockedAlerts alerts operators of endpoints that nothing can be sent to.
type blockedAlerts struct {
	alerts Alerts // nil: nobody is alerted
	logger *slog.Logger

	sending sync.Mutex // an alert is being sent

	mu   sync.Mutex
	sent map[block]time.Time // lately, by this process
}

type block struct{ endpointID, cause string }

func newBlockedAlerts(alerts Alerts, logger *slog.Logger) *blockedAlerts {
	return &blockedAlerts{alerts: alerts, logger: logger, sent: map[block]time.Time{}}
}

// alert notifies operators why nothing can be sent to the endpoint. An alert that
// fails is sent with the next delivery that waits. A ledger that hangs lets one
// attempt wait for it, and not all of them: writing an event is not cut off.
func (b *blockedAlerts) alert(ctx context.Context, d *delivery) {
	failure, at := d.verdict.failure, d.attempt.StartedAt
	which := block{d.endpoint.ID, failure.Code}
	if b.alerts == nil || !b.sending.TryLock() {
		return
	}
	defer b.sending.Unlock()
	if !b.due(which, at) {
		return
	}
	err := b.alerts.Blocked(ctx, postback.Block{EndpointID: which.endpointID, Cause: which.cause, Message: failure.Message, At: at})
	if err != nil {
		b.forget(which)
		b.logger.WarnContext(ctx, "alert not sent", slog.String("endpoint", which.endpointID), slog.String("cause", which.cause), slog.Any("error", err))
	}
}

// due reports whether an alert is to be sent now, and remembers that it is.
func (b *blockedAlerts) due(which block, at time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if last, sent := b.sent[which]; sent && at.Sub(last) < alertPause {
		return false
	}
	b.sent[which] = at
	return true
}

// forget has an alert sent again.
func (b *blockedAlerts) forget(which block) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.sent, which)
}
