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
	delivery.LastError = string(postback.CodeOf(cause))
	if refused, ok := errors.AsType[*postback.Error](cause); ok && refused.Field != "" {
		delivery.LastError += fieldMark + refused.Field
	}
	delivery.NextAttemptAt, delivery.SweepAt = time.Time{}, time.Time{}
	delivery.CompletedAt = delivery.OpenedAt
	return delivery
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

// recorded are the warnings of an event that was accepted before.
func (d *Dispatcher) recorded(item postback.Acceptance) []postback.Warning {
	if len(item.Deliveries) == 0 && item.Event.Rejection == "" {
		return []postback.Warning{d.unwanted(item.Event)}
	}
	var warnings []postback.Warning
	for _, delivery := range item.Deliveries {
		if delivery.State == postback.Dead && delivery.Reason == postback.ReasonUnsendable {
			warnings = append(warnings, warning(delivery, delivery.LastError))
		}
	}
	return warnings
}
