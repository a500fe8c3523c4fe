package store

import "github.com/waybillhq/waybill/postback"

// RefuseReplay says why a delivery cannot be reopened; nil when it can.
func RefuseReplay(id string, state postback.State, endpointID string, endpointDeleted bool) error {
	switch {
	case !state.Ended():
		return postback.Failure(postback.CodeNotEnded,
			"the delivery %s is %s; only a delivery that ended can be replayed", id, state)
	case endpointDeleted:
		return postback.Failure(postback.CodeEndpointDeleted,
			"the delivery %s cannot be replayed: its endpoint %s was deleted; the delivery stays %s", id, endpointID, state)
	default:
		return nil
	}
}

// Skip counts a delivery of a replay job's snapshot that is not reopened.
func Skip(skips *postback.ReplaySkips, found bool, refused error) {
	switch {
	case !found:
		skips.Removed++
	case postback.CodeOf(refused) == postback.CodeEndpointDeleted:
		skips.EndpointDeleted++
	default:
		skips.MovedOn++
	}
}
