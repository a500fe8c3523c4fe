package api

import (
	"context"
	"fmt"
	"sync"
)

// maxAbreast is how many calls of one publisher are worked on at once, in each
// process.
const maxAbreast = 8

// turns has the calls of a publisher wait for each other, beyond so many: whoever
// asks for much at once keeps nobody else's calls waiting for the ledger.
type turns struct {
	mu sync.Mutex
	of map[string]*turn
}

type turn struct {
	slots chan struct{}
	calls int // that have one or wait for one
}

// take waits for the publisher's turn, and returns what ends it. Calls of no
// publisher wait for nobody.
func (t *turns) take(ctx context.Context, publisher string) (end func(), err error) {
	if publisher == "" {
		return func() {}, nil
	}
	one := t.join(publisher)
	select {
	case one.slots <- struct{}{}:
		return func() {
			<-one.slots
			t.leave(publisher, one)
		}, nil
	case <-ctx.Done():
		t.leave(publisher, one)
		return nil, fmt.Errorf("wait for the publisher's other calls: %w", context.Cause(ctx))
	}
}

func (t *turns) join(publisher string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	one, known := t.of[publisher]
	if !known {
		one = &turn{slots: make(chan struct{}, maxAbreast)}
		t.of[publisher] = one
	}
	one.calls++
	return one
}

func (t *turns) leave(publisher string, one *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if one.calls--; one.calls == 0 {
		delete(t.of, publisher)
	}
}
