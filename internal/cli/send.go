package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/client"
)

// sendFlags say what happened.
type sendFlags struct {
	event      client.Event
	occurredAt string
	data       dataFlags
	json       bool
}

func (p *program) sendCommand() *cobra.Command {
	var flags sendFlags
	cmd := &cobra.Command{
		Use: "send --type TYPE --publisher PUBLISHER", Short: "Send an event",
		Long: `Send one event. Once this command is done the event is recorded and will be
delivered to every endpoint of the publisher that takes its type.

With --id sending it again is safe: the repeat is recognised. The same id with other
content is refused.`,
		Example: `  waybill send --id tx-1001 --type conversion.completed --publisher pub_1 \
    --data '{"user_id":"u1","transaction_id":"tx-1001","payout":1.50}'
  waybill send --type exchange.finished --publisher pub_2 --field publicId=ex1 --field status=finished
  waybill send --type conversion.reversed --publisher pub_1 --data @event.json`,
		Args: takes(),
	}
	add := cmd.Flags()
	add.StringVar(&flags.event.ID, "id", "", "`ID` the producer's id of the event (default: generated, and a repeat is a new event)")
	add.StringVar(&flags.event.Type, "type", "", "`TYPE` event type, such as conversion.completed or exchange.finished")
	add.StringVar(&flags.event.Publisher, "publisher", "", "`PUBLISHER` publisher that the event belongs to")
	add.StringVar(&flags.occurredAt, "occurred-at", "", "`TIME` when it happened: "+timeForms+" (default: when it is accepted)")
	flags.data.add(cmd)
	jsonFlag(cmd, &flags.json)
	return p.online(cmd, func(ctx context.Context, c *client.Client, _ []string) error {
		if err := require(cmd, "type", "publisher"); err != nil {
			return err
		}
		return p.send(ctx, c, &flags)
	})
}

func (p *program) send(ctx context.Context, c *client.Client, flags *sendFlags) error {
	event := flags.event
	var err error
	if event.Data, err = flags.data.read(p); err != nil {
		return err
	}
	if event.Data == nil {
		return usagef("missing the event's data: give --data or --field")
	}
	if event.OccurredAt.Time, err = timeFlag("occurred-at", flags.occurredAt, time.Now(), time.Time{}); err != nil {
		return err
	}
	accepted, err := c.SendEvent(ctx, event)
	if err != nil {
		return fmt.Errorf("send event: %w", err)
	}
	p.warn(accepted.Warnings)
	if flags.json {
		return p.printJSON(accepted)
	}
	p.showAccepted(event, accepted)
	return nil
}

func (p *program) showAccepted(event client.Event, accepted client.Acceptance) {
	what := "accepted"
	if accepted.Duplicate {
		what = "known already: nothing new is sent"
	}
	p.printf("event %s: %s\n", escapeLine(accepted.ID), what)
	if len(accepted.Deliveries) == 0 {
		p.notef("No endpoint of %s takes %s: nothing is sent.\n", escapeLine(event.Publisher), escapeLine(event.Type))
		return
	}
	rows := make([][]string, 0, len(accepted.Deliveries))
	for _, delivery := range accepted.Deliveries {
		rows = append(rows, []string{delivery.ID, delivery.EndpointID, string(delivery.State)})
	}
	p.printTable(p.out, []string{"delivery", "endpoint", "state"}, rows)
}
