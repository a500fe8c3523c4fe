package api

import (
	"context"
	"fmt"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// deliverFilter is a filter of events as JSON.
type deliverFilter struct {
	Publisher string        `json:"publisher,omitempty" minLength:"1"`
	Type      string        `json:"type,omitempty" minLength:"1" doc:"An event type or a pattern such as conversion.*"`
	Unmatched bool          `json:"unmatched,omitempty" enum:"true" doc:"Only events that no endpoint wanted"`
	Since     postback.Text `json:"since,omitzero" minLength:"1" doc:"Accepted at or after: RFC 3339, a date, or an age (90m, 7d, 1w)"`
	Until     postback.Text `json:"until,omitzero" minLength:"1" doc:"Accepted before"`
}

type deliverInput struct {
	Body struct {
		Filter deliverFilter `json:"filter" doc:"At least one"`
		Cursor string        `json:"cursor,omitempty" minLength:"1" doc:"next_cursor of the part before"`
		DryRun bool          `json:"dry_run,omitempty" doc:"Only count"`
	} `nameHint:"DeliverBody"`
}

type deliverOutput struct {
	Body client.Rematch
}

func (s *server) deliverEvents(ctx context.Context, input *deliverInput) (*deliverOutput, error) {
	asked := input.Body.Filter
	if asked == (deliverFilter{}) {
		return nil, postback.Invalid("filter", postback.CodeInvalid, `filters nothing; name at least one filter, such as "unmatched": true`)
	}
	publisher, err := scope(ctx, "filter.publisher", asked.Publisher)
	if err != nil {
		return nil, err
	}
	if err := readType("filter.type", asked.Type); err != nil {
		return nil, err
	}
	since, until, err := postback.ReadSpan("filter.", asked.Since, asked.Until, s.Now())
	if err != nil {
		return nil, fmt.Errorf("read filter: %w", err)
	}
	filter := postback.EventFilter{Publisher: publisher, EventType: asked.Type, Unmatched: asked.Unmatched, Since: since, Until: until}
	done, err := s.Rematcher.DeliverEvents(ctx, filter, input.Body.Cursor, input.Body.DryRun)
	if err != nil {
		return nil, fmt.Errorf("deliver events: %w", err)
	}
	return &deliverOutput{Body: client.Rematch{
		Events: done.Events, Deliveries: done.Deliveries, Unmatched: done.Unmatched, Unsendable: done.Unsendable,
		Problems:     convertAll(done.Problems.Named, func(one postback.Problem) client.RematchProblem { return client.RematchProblem(one) }),
		MoreProblems: done.Problems.More, NextCursor: done.Next,
	}}, nil
}
