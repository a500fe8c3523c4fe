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
	delivery.CompletedAt = delivery.CreatedAt
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

// recorded are the warnings of an event that was accepted before.
func recorded(item postback.Acceptance) []postback.Warning {
	var warnings []postback.Warning
	for _, delivery := range item.Deliveries {
		if delivery.State == postback.Dead && delivery.Reason == postback.ReasonUnsendable {
			warnings = append(warnings, warning(delivery, delivery.LastError))
		}
	}
	return warnings
}
