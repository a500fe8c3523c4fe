package store

import (
	"slices"

	"github.com/waybillhq/waybill/postback"
)

// Sources returns the states from which a transition may move a delivery: those
// that postback.State.CanBecome allows, and, for a transition without an
// attempt, the state itself when it is pending or retrying: the delivery is put
// off. What is parked succeeds by an attempt alone. Ended states are never among
// them: only a replay leaves those.
func Sources(move postback.Transition) []postback.State {
	var from []postback.State
	for _, state := range postback.States() {
		if state.Ended() || !slices.Contains(postback.States(), move.To) {
			continue
		}
		putOff := move.Attempt == nil && state == move.To && state != postback.Parked
		unmade := move.Attempt == nil && state == postback.Parked && move.To == postback.Succeeded
		if putOff || state.CanBecome(move.To) && !unmade {
			from = append(from, state)
		}
	}
	return from
}

// Carries reports whether a delivery in this state has a reason.
func Carries(state postback.State) bool {
	return state == postback.Parked || state == postback.Dead || state == postback.Cancelled
}

// Waits reports whether a delivery in this state has a next attempt that is set
// for a time.
func Waits(state postback.State) bool {
	return state == postback.Pending || state == postback.Retrying
}
