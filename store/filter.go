package store

import (
	"slices"

	"github.com/waybillhq/waybill/postback"
)

// States are those that a filter asks for, as far as they can have what its other
// fields ask for; none are all, and false says that nothing can be picked. What
// succeeded was answered with 2xx and has no error, and only what ended otherwise or
// is parked has a reason. A single status is left to the index of statuses.
func States(f postback.DeliveryFilter) (states []postback.State, some bool) {
	states = slices.Compact(slices.Sorted(slices.Values(f.States)))
	codes := f.Statuses.Codes()
	failures := len(f.Errors) > 0 || len(codes) > 1 && !slices.ContainsFunc(codes, func(code int) bool { return code/100 == 2 })
	if !failures && len(f.Reasons) == 0 {
		return states, true
	}
	if len(states) == 0 {
		states = postback.States()
	}
	states = slices.DeleteFunc(states, func(s postback.State) bool {
		return s == postback.Succeeded || len(f.Reasons) > 0 && (s == postback.Pending || s == postback.Retrying)
	})
	return states, len(states) > 0
}
