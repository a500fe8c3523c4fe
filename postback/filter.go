package postback

import (
	"bytes"
	"encoding/json"
	"net/url"
	"time"
)

// DeliveryFilter picks deliveries; the zero value picks all, and fields are
// joined by "and". Ledgers keep it with replay jobs, as this JSON; callers write a
// DeliveryQuery.
type DeliveryFilter struct {
	States     []State   `json:"states,omitempty"`
	EndpointID string    `json:"endpoint_id,omitempty"`
	Publisher  string    `json:"publisher,omitempty"`
	EventID    string    `json:"event_id,omitempty"`
	EventType  string    `json:"event_type,omitempty"` // a pattern, as endpoints write them
	Statuses   Statuses  `json:"status_code,omitzero"` // of the last answer
	Errors     []string  `json:"errors,omitempty"`     // codes of LastError
	Reasons    []Reason  `json:"reasons,omitempty"`
	Reference  string    `json:"reference,omitempty"`
	Since      time.Time `json:"since,omitzero"` // created at or after
	Until      time.Time `json:"until,omitzero"` // created before
	// EndedBefore keeps only deliveries that ended before this moment.
	EndedBefore time.Time `json:"ended_before,omitzero"`
	// NoTests leaves out deliveries of examples.
	NoTests bool `json:"no_tests,omitempty"`
	// Newer reports that a later version wrote it, with fields that this one does not
	// know: what the others pick may be too much.
	Newer bool `json:"-"`
}

// UnmarshalJSON reads a stored filter.
func (f *DeliveryFilter) UnmarshalJSON(text []byte) error {
	type fields DeliveryFilter
	if err := json.Unmarshal(text, (*fields)(f)); err != nil {
		return err //nolint:wrapcheck // encoding/json adds where it was
	}
	known := json.NewDecoder(bytes.NewReader(text))
	known.DisallowUnknownFields()
	f.Newer = known.Decode(new(fields)) != nil
	return nil
}

// DeliveryQuery is a DeliveryFilter as callers write it: in the parameters of a
// query, in JSON and in flags, under the same names. What is not given does not
// filter; what is given does, or Read refuses it.
type DeliveryQuery struct {
	States     Names[State]  `json:"state,omitzero" query:"state,explode" nullable:"false" doc:"Repeated or separated by commas: pending, retrying, parked, succeeded, dead, cancelled"`
	Endpoint   Text          `json:"endpoint,omitzero" query:"endpoint" doc:"The id of an endpoint that there is, or was: not_found otherwise"`
	Publisher  Text          `json:"publisher,omitzero" query:"publisher"`
	Event      Text          `json:"event,omitzero" query:"event" doc:"An event's id"`
	Type       Text          `json:"type,omitzero" query:"type" doc:"An event type or a pattern such as conversion.*"`
	Reference  Text          `json:"reference,omitzero" query:"reference" doc:"What the endpoint's scheme names the event by, such as the transaction's id"`
	StatusCode Statuses      `json:"status_code,omitzero" query:"status_code,explode" nullable:"false" doc:"The last answer's status, or a class such as 5xx; repeated or separated by commas"`
	Error      Names[string] `json:"error,omitzero" query:"error,explode" nullable:"false" doc:"The code of last_error, such as timeout, or an answer's status_503; repeated or separated by commas"`
	Reason     Names[Reason] `json:"reason,omitzero" query:"reason,explode" nullable:"false" doc:"Why it is parked, dead or cancelled, such as attempts_exhausted; repeated or separated by commas"`
	Since      Text          `json:"since,omitzero" query:"since" doc:"Created at or after: RFC 3339, a date, or an age (90m, 7d, 1w)"`
	Until      Text          `json:"until,omitzero" query:"until" doc:"Created before"`
}

// Query is the filter as a caller writes it, with times to the millisecond.
func (f DeliveryFilter) Query() DeliveryQuery {
	return DeliveryQuery{
		States:     f.States,
		Endpoint:   unlessZero(f.EndpointID, Given),
		Publisher:  unlessZero(f.Publisher, Given),
		Event:      unlessZero(f.EventID, Given),
		Type:       unlessZero(f.EventType, Given),
		Reference:  unlessZero(f.Reference, Given),
		StatusCode: f.Statuses,
		Error:      f.Errors,
		Reason:     f.Reasons,
		Since:      unlessZero(f.Since, givenStamp),
		Until:      unlessZero(f.Until, givenStamp),
	}
}

func givenStamp(at time.Time) Text { return Given(at.UTC().Format("2006-01-02T15:04:05.000Z")) }

// unlessZero gives a value of a filter, but for the zero, which leaves it open.
func unlessZero[T comparable](value T, give func(T) Text) (given Text) {
	var zero T
	if value != zero {
		given = give(value)
	}
	return given
}

// Values are the parameters of a query. Nothing that was given is left out.
func (q DeliveryQuery) Values() url.Values {
	text, _ := json.Marshal(q) // texts and lists of them always marshal
	var given map[string]Names[string]
	_ = json.Unmarshal(text, &given)
	values := url.Values{}
	for name, several := range given {
		if values[name] = several; len(several) == 0 {
			values[name] = []string{""} // given, and refused
		}
	}
	return values
}
