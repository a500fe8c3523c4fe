package postback

import (
	"errors"
	"fmt"
)

// MaxProblems bounds how many problems are named at once.
const MaxProblems = 10

// Problem is why an endpoint cannot carry events: all that have the same trouble
// with it.
type Problem struct {
	EndpointID string
	Code       Code
	Field      string // of the event; empty when it is about none
	Message    string // what is wrong, and how to mend it
	EventID    string // the first of the events
	Events     int
}

// Problems are those that were found, as many as are named.
type Problems struct {
	Named []Problem
	More  int // that are not named: each endpoint and event counts
}

// Add notes why an endpoint cannot carry an event.
func (p *Problems) Add(endpointID, eventID string, cause error) {
	found := Problem{EndpointID: endpointID, Code: CodeOf(cause), Message: cause.Error(), EventID: eventID, Events: 1}
	if refused, ok := errors.AsType[*Error](cause); ok {
		found.Field, found.Message = refused.Field, refused.Message
	}
	for i, known := range p.Named {
		if known.EndpointID == found.EndpointID && known.Code == found.Code && known.Field == found.Field {
			p.Named[i].Events++
			return
		}
	}
	if len(p.Named) == MaxProblems {
		p.More++
		return
	}
	p.Named = append(p.Named, found)
}

// Refusal refuses an event that none of the endpoints that want it can carry: with
// the first one's problem, and a list of them.
func (p Problems) Refusal() error {
	if len(p.Named) == 0 {
		return nil
	}
	first := p.Named[0]
	whose := "endpoint " + first.EndpointID
	if all := len(p.Named) + p.More; all > 1 {
		whose += fmt.Sprintf(", the first of %d that want this event; none can carry it", all)
	}
	return &Error{Code: first.Code, Field: first.Field, Message: fmt.Sprintf("%s (%s)", first.Message, whose), Problems: p}
}
