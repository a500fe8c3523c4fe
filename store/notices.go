package store

import "time"

// An endpoint that comes and goes is in the news without end. AlertsAtOnce of its
// alerts are sent as they come, then one each AlertEvery: the newest of those that
// waited, so that operators end up with what is true.
const (
	AlertsAtOnce = 4
	AlertEvery   = 5 * time.Minute
	// AlertCredit is how far an endpoint's alerts may be ahead of one each AlertEvery.
	AlertCredit = AlertsAtOnce * AlertEvery
)
