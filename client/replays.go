package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/waybillhq/waybill/postback"
)

// ReplayRequest asks to replay every ended delivery that the filter picks. A
// filter without states picks dead letters.
type ReplayRequest struct {
	Filter DeliveryFilter `json:"filter"`
	Rate   float64        `json:"rate,omitempty"`    // deliveries per second; 0 is as fast as it goes
	DryRun bool           `json:"dry_run,omitempty"` // only count
}

// ReplayJob is a replay and how far it got.
type ReplayJob struct {
	ID        string               `json:"id"`
	State     postback.ReplayState `json:"state"`
	Filter    DeliveryFilter       `json:"filter"`
	Rate      float64              `json:"rate,omitempty"`
	DryRun    bool                 `json:"dry_run,omitempty"`
	Matched   int                  `json:"matched"`
	Replayed  int                  `json:"replayed"`
	CreatedAt Time                 `json:"created_at"`
	EndedAt   Time                 `json:"ended_at,omitzero"`
}

// StartReplay starts a replay job; a dry run only counts.
func (c *Client) StartReplay(ctx context.Context, request ReplayRequest) (ReplayJob, error) {
	var answer ReplayJob
	err := c.do(ctx, call{method: http.MethodPost, path: "/v1/replays", body: request}, &answer)
	return answer, err
}

// GetReplay returns a replay job with its progress.
func (c *Client) GetReplay(ctx context.Context, id string) (ReplayJob, error) {
	var answer ReplayJob
	err := c.do(ctx, call{method: http.MethodGet, path: "/v1/replays/" + url.PathEscape(id)}, &answer)
	return answer, err
}

// CancelReplay stops a replay job; what it replayed stays replayed.
func (c *Client) CancelReplay(ctx context.Context, id string) (ReplayJob, error) {
	var answer ReplayJob
	err := c.do(ctx, call{method: http.MethodPost, path: "/v1/replays/" + url.PathEscape(id) + "/cancel"}, &answer)
	return answer, err
}
