package worker

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
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

// secretUses collects the last uses of secrets, and writes them now and then.
type secretUses struct {
	ledger SecretUses
	logger *slog.Logger

	mu   sync.Mutex
	last map[use]time.Time // not written yet
}

type use struct {
	endpointID string
	version    int
}

func newSecretUses(ledger SecretUses, logger *slog.Logger) *secretUses {
	return &secretUses{ledger: ledger, logger: logger, last: map[use]time.Time{}}
}

// add remembers that a secret signed an attempt; version 0 is none.
func (u *secretUses) add(endpointID string, version int, at time.Time) {
	if version == 0 {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if which := (use{endpointID, version}); at.After(u.last[which]) {
		u.last[which] = at
	}
}

// take gives what is not written yet, in the order of the endpoints.
func (u *secretUses) take() []postback.SecretUse {
	u.mu.Lock()
	taken := u.last
	u.last = map[use]time.Time{}
	u.mu.Unlock()
	all := make([]postback.SecretUse, 0, len(taken))
	for which, at := range taken {
		all = append(all, postback.SecretUse{EndpointID: which.endpointID, Version: which.version, At: at})
	}
	slices.SortFunc(all, func(a, b postback.SecretUse) int {
		return cmp.Or(cmp.Compare(a.EndpointID, b.EndpointID), cmp.Compare(a.Version, b.Version))
	})
	return all
}

// run writes the last uses until ctx ends, and then what is left.
func (u *secretUses) run(ctx context.Context) {
	loop.Run(ctx, loop.Job{Name: "save last uses of secrets", Every: useInterval, Do: u.save, Logger: u.logger})
	loop.Last(ctx, u.logger, "the last uses of secrets are lost", u.save)
}

// save writes what was added. What cannot be written is written the next time.
func (u *secretUses) save(ctx context.Context) error {
	all := u.take()
	for part := range slices.Chunk(all, useStep) {
		if err := u.ledger.UseSecrets(ctx, part); err != nil {
			for _, one := range all {
				u.add(one.EndpointID, one.Version, one.At)
			}
			return fmt.Errorf("save last uses of secrets: %w", err)
		}
	}
	return nil
}
