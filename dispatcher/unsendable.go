package dispatcher

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// fieldMark stands in Delivery.LastError between the code of an error and the
// field that it is about.
const fieldMark = ": "

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
	if refused, ok := errors.AsType[*postback.Error](cause); ok && refused.Field != "" {
		return string(refused.Code) + fieldMark + refused.Field
	}
	return string(postback.CodeOf(cause))
}

// warning tells of a delivery that is unsendable from the start.
func warning(delivery postback.Delivery, cause string) postback.Warning {
	_, field, _ := strings.Cut(delivery.LastError, fieldMark)
	return postback.Warning{
		Code: postback.WarnUnsendable, EndpointID: delivery.EndpointID, Field: field,
		Message: fmt.Sprintf("the endpoint's scheme cannot carry this event (%s): its delivery is a dead letter", cause),
	}
}

// unwanted warns that nobody gets an event.
func (d *Dispatcher) unwanted(event postback.Event) postback.Warning {
	found := fmt.Sprintf("no endpoint of publisher %q takes %s", event.Publisher, event.Type)
	if !d.Endpoints.Has(event.Publisher) {
		found = fmt.Sprintf("publisher %q has no endpoint: check its spelling", event.Publisher)
	}
	return postback.Warning{
		Code: postback.WarnNoEndpoint, Field: "publisher",
		Message: found + "; the event is recorded and nothing is sent: when there is an endpoint for it, deliver it with POST /v1/events/deliver",
	}
}

// recorded are the warnings of an event that was accepted before: those that came
// with the first answer, as far as they hold still.
func (d *Dispatcher) recorded(item postback.Acceptance) []postback.Warning {
	if len(item.Deliveries) == 0 && item.Event.Rejection == "" {
		return []postback.Warning{d.unwanted(item.Event)}
	}
	var warnings []postback.Warning
	for _, delivery := range item.Deliveries {
		endpoint, known := d.Endpoints.Endpoint(delivery.EndpointID)
		switch dead := delivery.State == postback.Dead && delivery.Reason == postback.ReasonUnsendable; {
		case dead && known:
			warnings = append(warnings, warning(delivery, d.cause(endpoint, item.Event, delivery)))
		case dead:
			warnings = append(warnings, warning(delivery, delivery.LastError))
		case known && endpoint.State != postback.EndpointDeleted:
			warnings = append(warnings, d.Rules.EmptyMacros(endpoint, item.Event)...)
		}
	}
	return warnings
}

// cause says why an endpoint did not get an event, in the words that were said
// first, unless the endpoint has changed since: then by what is recorded.
func (d *Dispatcher) cause(endpoint postback.Endpoint, event postback.Event, dead postback.Delivery) string {
	if err := d.Rules.CheckEvent(endpoint, event); err != nil && lastError(err) == dead.LastError {
		return err.Error()
	}
	return dead.LastError + ", when it was accepted or sent last"
}
