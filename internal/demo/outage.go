package demo

import (
	"context"
	"fmt"
	"slices"

	"github.com/waybillhq/waybill/client"
)

// outage sends to a receiver that is down, and to others meanwhile.
func (s *story) outage(ctx context.Context) error {
	event := exchange(s.cast.get(down), "ex-3003", "refunded")
	s.screen.step("A receiver stays down",
		"pub_3 has two endpoints that take exchange.refunded, so this event makes two deliveries.",
		"The receiver \"down\" answers 503. Meanwhile events for the others go out as if nothing were",
		"wrong: a bad endpoint never delays another.")
	s.screen.send(event)
	s.screen.receiptHeader()
	stuck, err := s.send(ctx, event)
	if err != nil {
		return err
	}
	events := slices.Concat(s.healthy(4), s.healthy(5))
	passing, err := s.sendAll(ctx, events...)
	if err != nil {
		return err
	}
	for _, detail := range passing {
		s.noted.bystanders = append(s.noted.bystanders, detail.ID)
	}
	details, err := s.finish(ctx, stuck)
	if err != nil {
		return err
	}
	for _, detail := range details {
		if s.cast.behind(detail.EndpointID) == down {
			s.noted.dead = detail
		} else {
			s.noted.bystanders = append(s.noted.bystanders, detail.ID)
		}
	}
	return s.showDead(ctx)
}

// showDead lists the dead letters and shows why the one of this story is one.
func (s *story) showDead(ctx context.Context) error {
	s.screen.note("The attempts are used up. Nothing is lost: the delivery is a dead letter in the ledger,",
		"with all that was signed, sent and answered, to be looked into and sent again.")
	s.screen.command("waybill delivery list --state dead")
	page, err := s.api.ListDeliveries(ctx, deadLetters(), client.PageRequest{})
	if err != nil {
		return fmt.Errorf("list dead letters: %w", err)
	}
	s.screen.deliveries(page.Items)
	s.screen.command("waybill delivery show " + s.noted.dead.ID)
	s.screen.inspect(s.noted.dead)
	return nil
}

// replay sends the dead letter again, after the publisher mended its server.
func (s *story) replay(ctx context.Context) error {
	s.cast.get(down).mend()
	s.screen.step("Replay the dead letter",
		"The publisher has mended its server. The replay carries the same message id, so that a",
		"receiver which did act on an earlier attempt would know it; the history goes on.")
	s.screen.command("waybill replay " + s.noted.dead.ID)
	s.screen.receiptHeader()
	if _, err := s.api.ReplayDelivery(ctx, s.noted.dead.ID); err != nil {
		return fmt.Errorf("replay delivery: %w", err)
	}
	var err error
	if s.noted.replayed, err = s.ended(ctx, s.noted.dead.ID); err != nil {
		return err
	}
	s.screen.command("waybill delivery show " + s.noted.dead.ID)
	s.screen.history(s.noted.replayed)
	return nil
}
