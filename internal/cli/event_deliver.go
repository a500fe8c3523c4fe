package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// deliverFlags say which events to match again.
type deliverFlags struct {
	filter client.EventFilter
	since  postback.Text
	until  postback.Text
	dryRun bool
	json   bool
}

func (p *program) eventDeliver() *cobra.Command {
	var flags deliverFlags
	cmd := &cobra.Command{
		Use: "deliver --FILTER...", Short: "Deliver recorded events to endpoints that did not get them",
		Long: `Match recorded events with the current endpoints, and create the deliveries that are
missing: for events that reached nobody because of a typo, a late endpoint or a
narrow pattern. No endpoint gets a second delivery of an event, so running the command
again is safe, also after it was interrupted.

An event that no endpoint wants, or that no endpoint that wants it can carry, stays
unmatched and is counted as such. Which endpoint cannot carry which event, and why, goes to stderr.`,
		Example: `  waybill event deliver --unmatched --publisher pub_1 --since 24h --dry-run
  waybill event deliver --unmatched --publisher pub_1 --since 24h
  waybill event deliver --publisher pub_1 --type 'conversion.*' --since 7d`,
		Args: takes(),
	}
	add := cmd.Flags()
	add.StringVar(&flags.filter.Publisher, "publisher", "", "`PUBLISHER` only those of this publisher")
	add.StringVar(&flags.filter.Type, "type", "", "`PATTERN` only those whose type matches")
	add.BoolVar(&flags.filter.Unmatched, "unmatched", false, "only those that no endpoint wanted")
	add.BoolVar(&flags.dryRun, "dry-run", false, "only count")
	filters(cmd, "publisher", "type", "unmatched")
	spanFlags(cmd, &flags.since, &flags.until)
	jsonFlag(cmd, &flags.json)
	return p.online(cmd, func(ctx context.Context, c *client.Client, _ []string) error {
		return p.deliverEvents(ctx, c, &flags)
	})
}

func (p *program) deliverEvents(ctx context.Context, c *client.Client, flags *deliverFlags) error {
	filter := flags.filter
	var err error
	if filter.Since, filter.Until, err = readSpan(flags.since, flags.until); err != nil {
		return err
	}
	if filter == (client.EventFilter{}) {
		return usagef("missing a filter: give --unmatched, --publisher, --type, --since or --until")
	}
	var total client.Rematch
	for more := true; more; more = total.NextCursor != "" {
		part, err := c.DeliverEvents(ctx, filter, total.NextCursor, flags.dryRun)
		if err != nil {
			return fmt.Errorf("deliver events: %w", err)
		}
		total.Events += part.Events
		total.Deliveries += part.Deliveries
		total.Unmatched += part.Unmatched
		total.Unsendable += part.Unsendable
		addProblems(&total, part)
		total.NextCursor = part.NextCursor
	}
	if flags.json {
		return p.printJSON(total)
	}
	made := "deliveries created"
	if flags.dryRun {
		made = "deliveries to create"
	}
	p.printf("events: %d; %s: %d; %s\n", total.Events, made, total.Deliveries, unmatchedLine(total))
	for _, one := range total.Problems {
		cause := inFlags(one.Message)
		if one.Field != "" {
			cause = one.Field + ": " + cause
		}
		events := "event " + one.EventID
		if one.Events > 1 {
			events = fmt.Sprintf("%d events, the first %s", one.Events, one.EventID)
		}
		p.notef("endpoint %s cannot carry %s: %s (%s)\n", escapeLine(one.EndpointID), escapeLine(events), escapeLine(cause), escapeLine(string(one.Code)))
	}
	if total.MoreProblems > 0 {
		p.notef("and %d more\n", total.MoreProblems)
	}
	return nil
}

// unmatchedLine counts what nobody gets still, which an event is that no endpoint
// can carry, too.
func unmatchedLine(total client.Rematch) string {
	line := fmt.Sprintf("still unmatched: %d", total.Unmatched+total.Unsendable)
	if total.Unsendable > 0 {
		line += fmt.Sprintf(" (%d wanted by no endpoint, %d unsendable)", total.Unmatched, total.Unsendable)
	}
	return line
}

// addProblems adds those of a part to those of the parts before: the same trouble of
// an endpoint is one, and as many are named as a part names.
func addProblems(total *client.Rematch, part client.Rematch) {
	total.MoreProblems += part.MoreProblems
	for _, one := range part.Problems {
		same := slices.IndexFunc(total.Problems, func(known client.RematchProblem) bool {
			return known.EndpointID == one.EndpointID && known.Code == one.Code && known.Field == one.Field
		})
		switch {
		case same >= 0:
			total.Problems[same].Events += one.Events
		case len(total.Problems) < postback.MaxProblems:
			total.Problems = append(total.Problems, one)
		default:
			total.MoreProblems += one.Events
		}
	}
}
