package worker

import "time"

// SetClock replaces the clock.
func (w *Worker) SetClock(now func() time.Time) { w.now = now }
