package worker

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/waybillhq/waybill/internal/loop"
	"github.com/waybillhq/waybill/postback"
)

// SecretUses keeps when secrets last signed.
type SecretUses interface {
	UseSecrets(ctx context.Context, uses []postback.SecretUse) error
}

const (
	// useInterval is how exactly the last use of a secret is known: no attempt
	// waits for it to be written.
	useInterval = 10 * time.Second
	// useStep is how many are written at once.
	useStep = 500
)

// uses are the last uses of secrets that the ledger was not told of.
type uses struct {
	mu   sync.Mutex
	last map[use]time.Time
}

type use struct {
	endpointID string
	version    int
}

// note notes that a secret signed an attempt; version 0 is none.
func (u *uses) note(endpointID string, version int, at time.Time) {
	if version == 0 {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if which := (use{endpointID, version}); at.After(u.last[which]) {
		u.last[which] = at
	}
}

// take gives what was noted since, in the order of the endpoints.
func (u *uses) take() []postback.SecretUse {
	u.mu.Lock()
	noted := u.last
	u.last = map[use]time.Time{}
	u.mu.Unlock()
	all := make([]postback.SecretUse, 0, len(noted))
	for which, at := range noted {
		all = append(all, postback.SecretUse{EndpointID: which.endpointID, Version: which.version, At: at})
	}
	slices.SortFunc(all, func(a, b postback.SecretUse) int {
		return cmp.Or(cmp.Compare(a.EndpointID, b.EndpointID), cmp.Compare(a.Version, b.Version))
	})
	return all
}

// Run writes when secrets were last used until ctx ends, and then what is left.
func (w *Worker) Run(ctx context.Context) {
	loop.Run(ctx, loop.Job{Name: "save last uses of secrets", Every: useInterval, Do: w.saveUses, Logger: w.Logger})
	loop.Last(ctx, w.Logger, "the last uses of secrets are lost", w.saveUses)
}

// saveUses writes what was noted. What cannot be written is written the next time.
func (w *Worker) saveUses(ctx context.Context) error {
	all := w.uses.take()
	for part := range slices.Chunk(all, useStep) {
		if err := w.Uses.UseSecrets(ctx, part); err != nil {
			for _, one := range all {
				w.uses.note(one.EndpointID, one.Version, one.At)
			}
			return fmt.Errorf("save last uses of secrets: %w", err)
		}
	}
	return nil
}
