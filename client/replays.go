package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/waybillhq/waybill/postback"
)

// ReplayRequest asks to replay every ended delivery that the filter picks. A
// filter without states picks dead letters; one that filters nothing is refused.
type ReplayRequest struct {
	Filter DeliveryFilter `json:"filter"`
	Rate   float64        `json:"rate,omitempty"`    // deliveries per second; 0 is as fast as the server replays
	DryRun bool           `json:"dry_run,omitempty"` // only count
}

// ReplayJob is a replay and how far it got.
type ReplayJob struct {
	ID        string                   `json:"id"`
	State     postback.ReplayState     `json:"state" enum:"running,done,cancelled"`
	Filter    DeliveryFilter           `json:"filter"`
	Rate      float64                  `json:"rate,omitempty"`
	DryRun    bool                     `json:"dry_run,omitempty"`
	Matched   int                      `json:"matched" doc:"Deliveries that the filter picked when the job was made; grows until collected"`
	Collected bool                     `json:"collected" doc:"All that the filter picked is known, so matched is final"`
	Replayed  int                      `json:"replayed" doc:"Deliveries that this job opened again"`
	Skipped   int                      `json:"skipped" doc:"Deliveries that were not opened again when their turn came"`
	Skips     postback.ReplaySkips     `json:"skipped_reasons,omitzero" doc:"Why: endpoint_deleted, moved_on (replayed otherwise before), removed (purged before)"`
	Groups    []postback.DeliveryGroup `json:"groups,omitempty" nullable:"false" doc:"Of a dry run: what it counted, by endpoint, state and reason, the largest first; 1000 at most"`
	// Outcomes are of one job that is asked for: GetReplay fills them in.
	Outcomes *postback.ReplayOutcomes `json:"outcomes,omitempty" doc:"What became of the deliveries that were opened again; not in listings"`
	// OutcomesOmitted: counting millions would take longer than a caller waits.
	OutcomesOmitted bool `json:"outcomes_omitted,omitempty" doc:"There were too many deliveries to count outcomes in time; ask again later, or list deliveries"`
	Remaining       int  `json:"remaining" doc:"Deliveries of matched whose turn has not come"`
	CreatedAt       Time `json:"created_at"`
	EndedAt         Time `json:"ended_at,omitzero"`
}

// StartReplay starts a replay job; a dry run only counts. A filter that names an
// endpoint that never was is CodeNotFound.
func (c *Client) StartReplay(ctx context.Context, request ReplayRequest) (ReplayJob, error) {
	var answer ReplayJob
	err := c.do(ctx, call{method: http.MethodPost, path: "/v1/replays", body: request}, &answer)
	return answer, err
}

// GetReplay returns a replay job with its progress, and with what became of each
// delivery that it opened again.
func (c *Client) GetReplay(ctx context.Context, id string) (ReplayJob, error) {
	var answer ReplayJob
	err := c.do(ctx, call{method: http.MethodGet, path: "/v1/replays/" + url.PathEscape(id)}, &answer)
	return answer, err
}

// ReplayProgress is GetReplay without outcomes: cheap, for who asks often.
func (c *Client) ReplayProgress(ctx context.Context, id string) (ReplayJob, error) {
	var answer ReplayJob
	err := c.do(ctx, call{method: http.MethodGet, path: "/v1/replays/" + url.PathEscape(id), query: url.Values{"brief": {"true"}}}, &answer)
	return answer, err
}

// ListReplays returns one page of replay jobs, newest first: all, or those
// whose filter names a publisher.
func (c *Client) ListReplays(ctx context.Context, publisher string, page PageRequest) (Page[ReplayJob], error) {
	query := url.Values{}
	put(query, "publisher", publisher)
	putPage(query, page)
	var answer Page[ReplayJob]
	err := c.do(ctx, call{method: http.MethodGet, path: "/v1/replays", query: query}, &answer)
	return answer, err
}

// CancelReplay stops a replay job; what it replayed stays replayed.
func (c *Client) CancelReplay(ctx context.Context, id string) (ReplayJob, error) {
	var answer ReplayJob
	err := c.do(ctx, call{method: http.MethodPost, path: "/v1/replays/" + url.PathEscape(id) + "/cancel"}, &answer)
	return answer, err
}
