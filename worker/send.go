package worker

import (
	"context"
	"time"

	"github.com/waybillhq/waybill/internal/egress"
)

// Sender makes one HTTP request from the egress address.
type Sender interface {
	Send(ctx context.Context, request egress.Request, timeout time.Duration) egress.Result
}

// sendStage sends the request.
type sendStage struct{ sender Sender }

func (s *sendStage) request(ctx context.Context, d *delivery) {
	d.result = s.sender.Send(ctx, d.request, time.Duration(d.endpoint.Timeout))
}
