package app

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/waybillhq/waybill/internal/loop"
)

// heapGoal is the size in bytes to which the heap may grow before garbage is
// collected. What is live is a small part of it, so the usual goal of twice that
// would collect many times a second under load, a sixth of all processor time.
const heapGoal = 160 << 20

// Bounds of GOGC: what it is without us, and where collecting less gains little.
const (
	leastPercent = 100
	mostPercent  = 400
)

// collectRarely keeps the garbage collector's goal at heapGoal, but at twice what is
// live at least and at five times that at most. Who set GOGC or GOMEMLIMIT knows better.
func (s *server) collectRarely(ctx context.Context) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	percent := mostPercent
	before := debug.SetGCPercent(percent)
	defer debug.SetGCPercent(before)
	loop.Run(ctx, loop.Job{
		Name: "tune garbage collector", Every: 100 * time.Millisecond, Logger: s.log,
		Do: func(context.Context) error {
			metrics.Read(live)
			if wanted := collectPercent(live[0].Value.Uint64()); wanted != percent {
				percent = wanted
				debug.SetGCPercent(percent) // It stops the world for a moment.
			}
			return nil
		},
	})
}

// collectPercent is GOGC for so many bytes of live heap.
func collectPercent(live uint64) int {
	if live == 0 {
		return mostPercent // Nothing was collected yet.
	}
	return int(min(max(heapGoal*100/live, 100+leastPercent), 100+mostPercent)) - 100
}
