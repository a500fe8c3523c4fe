package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

func (p *program) eventCommand() *cobra.Command {
	group := p.group("event", "List, show and deliver events",
		"Events as they were accepted, those that no endpoint wanted and those that were refused\non the queue too.")
	group.AddCommand(p.eventList(), p.eventShow(), p.eventDeliver())
	return group
}

func (p *program) eventList() *cobra.Command {
	var filter client.EventFilter
	var since, until postback.Text
	var chosen paging
	cmd := &cobra.Command{
		Use: "list", Short: "List events",
		Long: "List events, newest first.",
		Example: `  waybill event list --publisher pub_1 --type 'conversion.*' --since 24h
  waybill event list --unmatched
  waybill event list --rejected --json`,
		Args: takes(),
	}
	flags := cmd.Flags()
	flags.StringVar(&filter.Publisher, "publisher", "", "`PUBLISHER` only those of this publisher")
	flags.StringVar(&filter.Type, "type", "", "`PATTERN` only those whose type matches")
	flags.BoolVar(&filter.Rejected, "rejected", false, "only those that were refused on the queue")
	flags.BoolVar(&filter.Unmatched, "unmatched", false, "only those that no endpoint wanted; alerts with --publisher @operator alone")
	filters(cmd, "publisher", "type", "rejected", "unmatched")
	spanFlags(cmd, &since, &until)
	chosen.add(cmd)
	return p.online(cmd, func(ctx context.Context, c *client.Client, _ []string) error {
		var err error
		if filter.Since, filter.Until, err = readSpan(since, until); err != nil {
			return err
		}
		return listing[client.StoredEvent]{
			what:     "events",
			headings: []string{"event", "type", "publisher", "accepted", "rejection"},
			row: func(e client.StoredEvent) []string {
				return []string{e.ID, e.Type, e.Publisher, when(e.AcceptedAt), e.Rejection}
			},
			page: func(ctx context.Context, page client.PageRequest) (client.Page[client.StoredEvent], error) {
				return c.ListEvents(ctx, filter, page)
			},
		}.show(ctx, p, chosen)
	})
}

func (p *program) eventShow() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "show EVENT", Short: "Show one event and its deliveries",
		Long:    "Show one event, with its data, and the deliveries that it led to.",
		Example: "  waybill event show tx-1001",
		Args:    takes("EVENT"),
	}
	jsonFlag(cmd, &asJSON)
	return p.online(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		event, err := c.GetEvent(ctx, args[0])
		if err != nil {
			return fmt.Errorf("get event: %w", err)
		}
		if asJSON {
			return p.printJSON(event)
		}
		p.labels("",
			[2]string{"event", event.ID},
			[2]string{"type", event.Type},
			[2]string{"publisher", event.Publisher},
			[2]string{"occurred", when(event.OccurredAt)},
			[2]string{"accepted", when(event.AcceptedAt)},
			[2]string{"rejection", event.Rejection},
			[2]string{"data", string(event.Data)})
		if len(event.Deliveries) > 0 {
			p.printf("\n")
			p.showDeliveries(event.Deliveries)
		}
		return nil
	})
}
