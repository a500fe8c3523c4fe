package sqlite

import (
	"context"
	"fmt"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

// Deliver adds deliveries to an event that is recorded, for endpoints that it has
// none for, and returns those that it wrote.
func (l *Ledger) Deliver(ctx context.Context, eventID string, deliveries []postback.Delivery) ([]postback.Delivery, error) {
	return write(ctx, l.writer, 1+len(deliveries), func(ctx context.Context, db *session) ([]postback.Delivery, error) {
		if _, err := readEvent(ctx, db, eventID); err != nil {
			return nil, err
		}
		have, err := deliveriesOf(ctx, db, eventID)
		if err != nil {
			return nil, err
		}
		missing := store.Missing(have, deliveries)
		for i := range missing {
			if err := writeDelivery(ctx, db, &missing[i]); err != nil {
				return nil, err
			}
		}
		if len(missing) > 0 {
			if _, err := db.exec(ctx, `UPDATE events SET unmatched = 0 WHERE id = ?`, eventID); err != nil {
				return nil, fmt.Errorf("mark event as matched: %w", err)
			}
		}
		return missing, nil
	})
}
