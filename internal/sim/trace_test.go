package sim_test

import (
	"fmt"
	"hash/fnv"
	"strings"
	"sync"
	"time"
)

// shownLines bounds what is printed of a trace: its end.
const shownLines = 4000

// trace is what happened, in order.
type trace struct {
	mu    sync.Mutex
	start time.Time
	all   int    // lines, the quiet ones too
	sum   uint64 // of all lines
	lines []string
	loud  bool // keeps the quiet ones, too
}

func (t *trace) add(line string, quiet bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	line = fmt.Sprintf("%12.6fs  %s", time.Since(t.start).Seconds(), line)
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(line))
	t.all++
	t.sum = mix(t.sum ^ hash.Sum64())
	if !quiet || t.loud {
		t.lines = append(t.lines, line)
	}
}

func (t *trace) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	shown := t.lines[max(0, len(t.lines)-shownLines):]
	return fmt.Sprintf("the last %d of %d steps, sum %016x:\n%s", len(shown), t.all, t.sum, strings.Join(shown, "\n"))
}
