package worker

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// SecretUses keeps when secrets last signed.
type SecretUses interface {
	UseSecret(ctx context.Context, endpointID string, version int, at time.Time) error
}

// useInterval is how exactly the last use of a secret is known: noting each
// one would be a ledger write for each attempt.
const useInterval = 10 * time.Second

// uses remembers which uses were noted lately.
type uses struct {
	mu    sync.Mutex
	noted map[use]time.Time
}

type use struct {
	endpointID string
	version    int
}

// due reports whether a use has to be noted again.
func (u *uses) due(which use, at time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if at.Sub(u.noted[which]) < useInterval {
		return false
	}
	u.noted[which] = at
	return true
}

// noteUse notes that a secret signed an attempt. That it cannot be noted is no
// reason to hold a delivery up.
func (w *Worker) noteUse(ctx context.Context, endpointID string, version int, at time.Time) {
	if version == 0 || !w.uses.due(use{endpointID, version}, at) {
		return
	}
	if err := w.Uses.UseSecret(ctx, endpointID, version, at); err != nil {
		w.Logger.WarnContext(ctx, "cannot note the use of a secret", slog.String("endpoint", endpointID), slog.Any("error", err))
	}
}
