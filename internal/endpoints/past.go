package endpoints

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// Past is what a publisher has and was sent already.
type Past interface {
	Endpoints(ctx context.Context, filter postback.EndpointFilter, page postback.Page) ([]postback.Endpoint, string, error)
	Events(ctx context.Context, filter postback.EventFilter, page postback.Page) ([]postback.Event, string, error)
	Event(ctx context.Context, id string) (postback.Event, []postback.Delivery, error)
}

// Codes of warnings about an endpoint that its publisher's past shows.
const (
	WarnUnsendableEvents  = "unsendable_events"
	WarnDuplicateEndpoint = "duplicate_endpoint"
)

const (
	recentEvents = 10          // how many of the latest events are tried
	pastTimeout  = time.Second // how long a change waits for warnings
)

// compare warns of what the publisher's past says against the endpoint. It is
// advice: a ledger that does not answer in time has none.
func (m *Manager) compare(ctx context.Context, endpoint postback.Endpoint) []postback.Warning {
	ctx, cancel := context.WithTimeout(ctx, pastTimeout)
	defer cancel()
	return append(m.twins(ctx, endpoint), m.misfits(ctx, endpoint)...)
}

// twins warns of another endpoint that gets the same at the same place: a
// publisher would credit every conversion twice.
func (m *Manager) twins(ctx context.Context, endpoint postback.Endpoint) []postback.Warning {
	others, _, err := m.past.Endpoints(ctx, postback.EndpointFilter{Publisher: endpoint.Publisher}, postback.Page{Limit: postback.MaxPage})
	if err != nil {
		return nil
	}
	for _, other := range others {
		if other.ID != endpoint.ID && other.Scheme == endpoint.Scheme && other.URL == endpoint.URL && overlap(endpoint.EventTypes, other.EventTypes) {
			return []postback.Warning{{
				Code: WarnDuplicateEndpoint, EndpointID: other.ID, Field: "url",
				Message: fmt.Sprintf("this endpoint of the publisher has the same scheme and URL as %s: an event that both take is sent there twice; delete one of them", endpoint.ID),
			}}
		}
	}
	return nil
}

// overlap reports whether an event can match patterns of both; none is all types.
func overlap(some, others []string) bool {
	if len(some) == 0 || len(others) == 0 {
		return true
	}
	return slices.ContainsFunc(some, func(one string) bool {
		return slices.ContainsFunc(others, func(other string) bool { return postback.MatchType(one, other) || postback.MatchType(other, one) })
	})
}

// misfits warns of recent events that the endpoint takes and that its scheme
// cannot carry.
func (m *Manager) misfits(ctx context.Context, endpoint postback.Endpoint) []postback.Warning {
	events, _, err := m.past.Events(ctx, postback.EventFilter{Publisher: endpoint.Publisher}, postback.Page{Limit: recentEvents})
	if err != nil {
		return nil
	}
	tried, unfit := 0, 0
	var first postback.Warning
	for _, listed := range events {
		if listed.Test || listed.Rejection != "" || !endpoint.Wants(listed.Publisher, listed.Type) {
			continue
		}
		event, _, err := m.past.Event(ctx, listed.ID)
		if err != nil {
			return nil
		}
		tried++
		if err := m.rules.CheckEvent(endpoint, event); err != nil {
			if unfit++; unfit == 1 {
				first = postback.Warning{Code: WarnUnsendableEvents, Field: fieldOf(err), Message: err.Error()}
			}
		}
	}
	if unfit == 0 {
		return nil
	}
	first.Message = fmt.Sprintf("%d of the publisher's %d latest events that this endpoint takes do not fit its scheme (%s): such an event is refused when no endpoint can carry it, else its delivery here is a dead letter",
		unfit, tried, first.Message)
	return []postback.Warning{first}
}

// fieldOf is the field that an error is about, if it is about one.
func fieldOf(err error) string {
	if refused, ok := errors.AsType[*postback.Error](err); ok {
		return refused.Field
	}
	return ""
}
