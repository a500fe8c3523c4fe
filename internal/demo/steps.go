package demo

import (
	"context"
	"fmt"

	"github.com/waybillhq/waybill/client"
)

func (s *story) start(context.Context) error {
	s.screen.step("Start the engine",
		"One process holds the API, the workers, a ledger (a SQLite file) and a queue. Nothing is",
		"installed and nothing leaves this machine: the demo allows it to send to 127.0.0.1 only.")
	s.screen.command("waybill serve --egress-allow " + loopback)
	stays := "stays"
	if s.home.remove {
		stays = "removed at the end"
	}
	s.screen.facts(
		[2]string{"API", s.engine.url},
		[2]string{"data", s.home.dir + " (" + stays + ")"},
		[2]string{"log", s.engine.logFile})
	return nil
}

func (s *story) register(ctx context.Context) error {
	s.screen.step("Register the publishers' endpoints",
		"Publishers already verify the postbacks of their network. Waybill signs in that network's",
		"scheme, so they change nothing. Each secret is shown once, in the answer to this call; the",
		"demo hands it to the receiver, which from now on checks every request with it.")
	s.screen.command("waybill endpoint create --publisher pub_1 --scheme besitos \\",
		"  --url "+s.cast.get(besitos).spec().URL+" --retry-schedule 1s,2s")
	for _, r := range s.cast {
		made, err := s.api.CreateEndpoint(ctx, r.spec())
		if err != nil {
			return fmt.Errorf("create endpoint of %s: %w", r.name, err)
		}
		s.noted.secrets = append(s.noted.secrets, made.Secret)
		r.learn(made.ID, made.Secret)
	}
	s.screen.receivers(s.cast)
	return nil
}

func (s *story) deliver(ctx context.Context) error {
	first := conversion(s.cast.get(besitos), "tx-1001")
	s.screen.step("Send events",
		"The platform reports what happened, in its own words. The answer 202 means that the event",
		"is in the ledger, on disk. Then Waybill signs it and sends it; only HTTP 200 is success.")
	s.screen.send(first)
	s.screen.note("... and five more like it. What the receivers see:")
	s.screen.receiptHeader()
	sent, err := s.sendAll(ctx, first,
		conversion(s.cast.get(bitlabs), "tx-2001"),
		exchange(s.cast.get(simpleswap), "ex-3001", "waiting"),
		conversion(s.cast.get(besitos), "tx-1002"),
		conversion(s.cast.get(bitlabs), "tx-2002"),
		exchange(s.cast.get(simpleswap), "ex-3002", "finished"))
	if err != nil {
		return err
	}
	s.screen.note("What was signed and sent, for the first of them:")
	s.screen.command("waybill delivery show " + sent[0].ID)
	s.screen.inspect(sent[0])
	return nil
}

// repeat sends the first event again, and then with other content.
func (s *story) repeat(ctx context.Context) error {
	event := conversion(s.cast.get(besitos), "tx-1001")
	s.noted.repeated = event.ID
	s.screen.step("Send an event again",
		"A producer that got no answer can safely send again: the id tells a repeat.")
	s.screen.send(event)
	var err error
	if s.noted.repeat, err = s.api.SendEvent(ctx, event); err != nil {
		return fmt.Errorf("send the event again: %w", err)
	}
	s.screen.result("duplicate: %t; the deliveries are those it had, nothing is sent twice", s.noted.repeat.Duplicate)

	event.Data = []byte(`{"user_id":"user_1","transaction_id":"tx-1001","offer_name":"Reach level 10","reward":150,"payout":9999}`)
	s.screen.note("The same id with another payout is a mistake, or worse:")
	s.screen.send(event)
	_, err = s.api.SendEvent(ctx, event)
	refusal, refused := problemOf(err)
	switch {
	case refused:
		s.noted.conflict = refusal
		s.screen.result("HTTP %d %s: %s", refusal.Status, refusal.Code, refusal.Detail)
	case err != nil:
		return fmt.Errorf("send the changed event: %w", err)
	default:
		s.screen.result("accepted")
	}
	return nil
}

// recover sends to the receiver that fails at first.
func (s *story) recover(ctx context.Context) error {
	event := conversion(s.cast.get(flaky), "tx-4001")
	s.noted.flakyTx = event.ID
	s.screen.step("A receiver fails, and recovers",
		"The receiver \"flaky\" answers 500 to two requests. Waybill tries again after 1 s and after",
		"2 s, as set for this endpoint; by default it follows the network's promise, over hours.")
	s.screen.send(event)
	s.screen.receiptHeader()
	_, err := s.sendAll(ctx, event)
	return err
}

// rotate replaces a secret.
func (s *story) rotate(ctx context.Context) error {
	r := s.cast.get(bitlabs)
	s.screen.step("Rotate a secret",
		"A secret leaked, or a year has passed. The new one is shown once and signs from now on,",
		"retries and replays of older events too. The receiver checks against the old one as well.")
	s.screen.command("waybill endpoint rotate-secret " + r.endpoint)
	rotated, err := s.api.RotateSecret(ctx, r.endpoint, client.Rotation{})
	if err != nil {
		return fmt.Errorf("rotate secret: %w", err)
	}
	s.noted.secrets = append(s.noted.secrets, rotated.Secret)
	r.learn(rotated.ID, rotated.Secret)
	s.noted.rotatedTx = "tx-2006"
	s.screen.receiptHeader()
	_, err = s.sendAll(ctx, conversion(r, s.noted.rotatedTx))
	return err
}

// healthy is an event for each receiver that works.
func (s *story) healthy(n int) []client.Event {
	return []client.Event{
		conversion(s.cast.get(besitos), fmt.Sprintf("tx-%d", 1000+n)),
		conversion(s.cast.get(bitlabs), fmt.Sprintf("tx-%d", 2000+n)),
		exchange(s.cast.get(simpleswap), fmt.Sprintf("ex-%d", 3000+n), "finished"),
	}
}
