package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

func (p *program) deliveryCommand() *cobra.Command {
	group := p.group("delivery", "List, show and export deliveries",
		"A delivery is one event for one endpoint. Its history is every attempt that was made.")
	group.AddCommand(p.deliveryList(), p.deliveryShow(), p.deliveryExport())
	return group
}

func (p *program) deliveryList() *cobra.Command {
	var filter filterFlags
	var chosen paging
	cmd := &cobra.Command{
		Use: "list", Short: "List deliveries",
		Long: "List deliveries, newest first. Filters are joined by \"and\".",
		Example: `  waybill delivery list --state dead --since 24h
  waybill delivery list --publisher pub_1 --type 'conversion.*' --status-code 503
  waybill delivery list --reference tx_1001 --json`,
		Args: takes(),
	}
	filter.add(cmd, postback.States(), "")
	chosen.add(cmd)
	return p.online(cmd, func(ctx context.Context, c *client.Client, _ []string) error {
		picked, err := filter.read()
		if err != nil {
			return err
		}
		return listing[client.Delivery]{
			what:     "deliveries",
			headings: deliveryHeadings(),
			row:      deliveryRow,
			page: func(ctx context.Context, page client.PageRequest) (client.Page[client.Delivery], error) {
				return c.ListDeliveries(ctx, picked, page)
			},
		}.show(ctx, p, chosen)
	})
}

func deliveryHeadings() []string {
	return []string{"delivery", "state", "tries", "last", "event", "reference", "type", "publisher", "endpoint", "created"}
}

func deliveryRow(d client.Delivery) []string {
	return []string{
		d.ID, stateOf(d), strconv.Itoa(d.Attempts), lastOf(d),
		d.EventID, d.Reference, d.EventType, d.Publisher, d.EndpointID, when(d.CreatedAt),
	}
}

func (p *program) showDeliveries(deliveries []client.Delivery) {
	rows := make([][]string, 0, len(deliveries))
	for _, delivery := range deliveries {
		rows = append(rows, deliveryRow(delivery))
	}
	p.printTable(p.out, deliveryHeadings(), rows)
}

func stateOf(d client.Delivery) string {
	if d.Reason == "" {
		return string(d.State)
	}
	return fmt.Sprintf("%s (%s)", d.State, d.Reason)
}

// lastOf says how the last attempt went: the status that came back, or why
// none did.
func lastOf(d client.Delivery) string {
	if d.LastStatusCode != 0 {
		return strconv.Itoa(d.LastStatusCode)
	}
	return d.LastError
}
