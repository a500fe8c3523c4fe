package dispatcher

import (
	"errors"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// unsendable is a new delivery as a dead letter: its endpoint's scheme cannot
// carry the event.
func unsendable(delivery postback.Delivery, cause error) postback.Delivery {
	delivery.State, delivery.Reason = postback.Dead, postback.ReasonUnsendable
	delivery.LastError = lastError(cause)
	delivery.NextAttemptAt, delivery.SweepAt = time.Time{}, time.Time{}
	delivery.CompletedAt = delivery.OpenedAt
	return delivery
}

// lastError is what a ledger keeps of why an endpoint cannot carry an event.
func lastError(cause error) string {
	if refused, ok := errors.AsType[*postback.Error](cause); ok {
		return postback.FailureOf(string(refused.Code), refused.Field)
	}
	return string(postback.CodeOf(cause))
}

// warning reports a delivery that is unsendable from the start.
func warning(delivery postback.Delivery, cause string) postback.Warning {
	return postback.Warning{
		Code: postback.WarnUnsendable, EndpointID: delivery.EndpointID, Field: delivery.FailedField(),
		Message: fmt.Sprintf("the endpoint's scheme cannot carry this event (%s): its delivery is a dead letter", cause),
	}
}

// unwanted warns that nobody gets an event.
func (s *matchStage) unwanted(event postback.Event) postback.Warning {
	found := fmt.Sprintf("no endpoint of publisher %q takes %s", event.Publisher, event.Type)
	if !s.endpoints.Has(event.Publisher) {
		found = fmt.Sprintf("publisher %q has no endpoint: check its spelling", event.Publisher)
	}
	return postback.Warning{
		Code: postback.WarnNoEndpoint, Field: "publisher",
		Message: found + "; the event is recorded and nothing is sent: when there is an endpoint for it, deliver it with POST /v1/events/deliver",
	}
}

// recorded are the warnings of an event that was accepted before: what is true of
// its deliveries now, in the words of the first answer as far as they hold still.
func (s *matchStage) recorded(item postback.Acceptance) []postback.Warning {
	if len(item.Deliveries) == 0 && item.Event.Rejection == "" {
		return []postback.Warning{s.unmatched(item.Event)}
	}
	var warnings []postback.Warning
	for _, delivery := range item.Deliveries {
		endpoint, known := s.endpoints.Endpoint(delivery.EndpointID)
		switch dead := delivery.State == postback.Dead && delivery.Reason == postback.ReasonUnsendable; {
		case dead && known:
			warnings = append(warnings, warning(delivery, s.cause(endpoint, item.Event, delivery)))
		case dead:
			warnings = append(warnings, warning(delivery, delivery.LastError))
		case known && goesTo(endpoint, delivery):
			warnings = append(warnings, s.rules.Warnings(endpoint, item.Event)...)
		}
	}
	return warnings
}

// goesTo reports whether a delivery was sent, or is to be, to the endpoint as it is
// now. One that has changed since may have got something else.
func goesTo(endpoint postback.Endpoint, delivery postback.Delivery) bool {
	unsent := delivery.State.Ended() && delivery.Attempts == 0
	return !unsent && endpoint.State != postback.EndpointDeleted && !endpoint.UpdatedAt.After(delivery.CreatedAt)
}

// unmatched warns that nobody got an event that is recorded, though an endpoint may
// want it by now.
func (s *matchStage) unmatched(event postback.Event) postback.Warning {
	wanting := s.endpoints.Matching(event.Publisher, event.Type)
	if len(wanting) == 0 {
		return s.unwanted(event)
	}
	found := postback.Warning{Code: postback.WarnNoEndpoint, Field: "publisher"}
	const then = "no endpoint took this event when it was accepted, and nothing was sent; the endpoint %s wants it now"
	var refusal error
	for _, endpoint := range wanting {
		if refusal = s.rules.CheckEvent(endpoint, event); refusal == nil {
			found.Message = fmt.Sprintf(then+": deliver it with POST /v1/events/deliver", endpoint.ID)
			return found
		}
	}
	found.Message = fmt.Sprintf(then+", and its scheme cannot carry it (%v)", wanting[len(wanting)-1].ID, refusal)
	return found
}

// cause says why an endpoint did not get an event, in the words that were said
// first, unless the endpoint has changed since: then by what is recorded.
func (s *matchStage) cause(endpoint postback.Endpoint, event postback.Event, dead postback.Delivery) string {
	if err := s.rules.CheckEvent(endpoint, event); err != nil && lastError(err) == dead.LastError {
		return err.Error()
	}
	return dead.LastError + ", when it was accepted or sent last"
}
