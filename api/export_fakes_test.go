package api_test

import (
	"context"

	"github.com/waybillhq/waybill/postback"
)

// Histories gives each delivery the fakes' attempts.
func (f fakeHistory) Histories(ctx context.Context, filter postback.DeliveryFilter, page postback.Page) ([]postback.History, string, error) {
	deliveries, next, err := f.Deliveries(ctx, filter, page)
	histories := make([]postback.History, len(deliveries))
	for i, delivery := range deliveries {
		histories[i] = postback.History{Delivery: delivery, Attempts: f.attempts}
	}
	return histories, next, err
}

func (f fakeHistory) CountDeliveries(_ context.Context, filter postback.DeliveryFilter) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.filter = filter
	return len(f.deliveries), f.down
}
