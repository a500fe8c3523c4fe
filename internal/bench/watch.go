package bench

import (
	"context"
	"sync"
	"time"
)

// looking is how often a watch looks.
const looking = 500 * time.Millisecond

// peaks are the most that was used at any look.
type peaks struct {
	engine int64 // bytes of memory
	queue  int64 // bytes of Redis's memory
}

// watch looks at what an engine and its Redis use, all the time.
type watch struct {
	run   *run
	stop  context.CancelFunc
	ended chan struct{}

	mu   sync.Mutex
	most peaks
}

// startWatch begins to look; close ends it.
func startWatch(ctx context.Context, r *run) *watch {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	w := &watch{run: r, stop: stop, ended: make(chan struct{})}
	go w.look(ctx)
	return w
}

func (w *watch) look(ctx context.Context) {
	defer close(w.ended)
	ticker := time.NewTicker(looking)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if taken, err := w.run.snapshot(ctx); err == nil { // the next look tells
			w.note(taken)
		}
	}
}

func (w *watch) note(taken snapshot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if taken.engine != nil {
		w.most.engine = max(w.most.engine, taken.engine.rss)
	}
	if taken.queue != nil {
		w.most.queue = max(w.most.queue, taken.queue.memory)
	}
}

// reset forgets what was before.
func (w *watch) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.most = peaks{}
}

func (w *watch) peaks() peaks {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.most
}

// close stops looking and waits for the end of it.
func (w *watch) close() error {
	w.stop()
	<-w.ended
	return nil
}
