package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// replayFlags say what to replay and how.
type replayFlags struct {
	filter filterFlags
	rate   float64
	dryRun bool
	noWait bool
	yes    bool
	json   bool
}

// minReplayRate and maxReplayRate bound the deliveries per second that the API takes.
const minReplayRate, maxReplayRate = 0.01, 1_000_000

func (p *program) replayCommand() *cobra.Command {
	var flags replayFlags
	cmd := &cobra.Command{
		Use: "replay {DELIVERY... | --FILTER...}", Short: "Replay ended deliveries",
		Long: `Replay ended deliveries: those that are named, or all that the filters pick (dead
letters, unless --state says otherwise). A replay keeps the message id, so receivers
that know a delivery already recognise it.

With filters a replay job runs on the server: it notes what the filters pick now, and
sends it again, the oldest first. This command shows its progress until it ends; Ctrl-C
stops watching, not the job. On a terminal it first counts and asks; elsewhere, as in
a script, it starts at once, with or without --yes: look with --dry-run before.

Running the same command twice is safe: what one job has sent again, the other skips. To
change the rate, cancel the job and start another for what it left. Deliveries that
failed again since are dead letters like any other: the next job picks them.`,
		Example: `  waybill replay dlv_0198c0de00007000800000000000ab12
  waybill replay --state dead --endpoint ep_0198c0de00007000800000000000ab12 --dry-run
  waybill replay --reference tx_1001
  waybill replay --publisher pub_1 --since 24h --rate 50 --yes
  waybill replay list
  waybill replay cancel rpl_0198c0de00007000800000000000ab12`,
		Args: func(_ *cobra.Command, args []string) error {
			return notBlank(slices.Repeat([]string{"DELIVERY"}, len(args)), args)
		},
	}
	flags.filter.add(cmd, endedStates(), " (default: dead)")
	add := cmd.Flags()
	numberVar(add, &flags.rate, "rate", "`RATE` deliveries to reopen per second (default: the server's --replay-rate)")
	add.BoolVar(&flags.dryRun, "dry-run", false, "only count what the filters pick")
	add.BoolVar(&flags.noWait, "no-wait", false, "do not wait for the job's end")
	add.BoolVar(&flags.yes, "yes", false, "do not ask for confirmation")
	jsonFlag(cmd, &flags.json)
	p.online(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		filtered := flags.filter.given(cmd)
		switch {
		case len(args) > 0 && (filtered || flags.dryRun || cmd.Flags().Changed("rate")):
			return usagef("give the deliveries' ids or filters, not both; --rate and --dry-run go with filters")
		case len(args) > 0:
			return p.replayIDs(ctx, c, args, flags.json)
		case filtered:
			return p.replayFiltered(ctx, c, cmd, &flags)
		default:
			return usagef("name deliveries, or pick them with filters such as --state dead")
		}
	})
	cmd.AddCommand(p.replayList(), p.replayShow(), p.replayWatch(), p.replayCancel())
	return cmd
}

// replayIDs replays deliveries one by one. One that cannot be replayed does
// not keep the others from it.
func (p *program) replayIDs(ctx context.Context, c *client.Client, ids []string, asJSON bool) error {
	replayed := []client.Delivery{}
	var failed []error
	for place, id := range ids {
		if slices.Contains(ids[:place], id) {
			continue
		}
		delivery, err := c.ReplayDelivery(ctx, id)
		var problem *client.Problem
		switch {
		case errors.As(err, &problem):
			failed = append(failed, fmt.Errorf("%s: %s", id, describe(err)))
		case err != nil:
			return fmt.Errorf("replay delivery: %w", err)
		default:
			replayed = append(replayed, delivery)
		}
	}
	if asJSON {
		if err := p.printJSON(replayed); err != nil {
			return err
		}
	} else {
		for _, delivery := range replayed {
			p.printf("%s is %s again\n", escapeLine(delivery.ID), stateOf(delivery))
		}
	}
	return errors.Join(failed...)
}

func (p *program) replayFiltered(ctx context.Context, c *client.Client, cmd *cobra.Command, flags *replayFlags) error {
	filter, err := flags.filter.read()
	if err != nil {
		return err
	}
	if cmd.Flags().Changed("rate") && (flags.rate < minReplayRate || flags.rate > maxReplayRate) {
		return usagef("invalid --rate %v: use %v to %d, or leave it out for full speed", flags.rate, minReplayRate, maxReplayRate)
	}
	request := client.ReplayRequest{Filter: filter, Rate: flags.rate, DryRun: flags.dryRun}
	if !flags.dryRun && !flags.yes && p.interactive() {
		if some, err := p.confirmReplay(ctx, c, request); err != nil || !some {
			return err
		}
	}
	job, err := c.StartReplay(ctx, request)
	if err != nil {
		return fmt.Errorf("start replay: %w", err)
	}
	if !flags.dryRun && !flags.noWait {
		if job, err = p.watch(ctx, c, job); err != nil {
			return err
		}
	}
	p.noteNothing(job)
	return p.showReplay(job, flags.json)
}

// noteNothing says that a replay's filters pick nothing, which is seldom meant.
func (p *program) noteNothing(job client.ReplayJob) {
	if job.Matched > 0 || !job.DryRun && !job.Collected {
		return
	}
	p.notef("No delivery that ended as %s matches the filters: there is nothing to replay.\n", postback.Listed(job.Filter.States, " or "))
}

// confirmReplay counts and asks. There is nothing to ask of no deliveries.
func (p *program) confirmReplay(ctx context.Context, c *client.Client, request client.ReplayRequest) (some bool, err error) {
	request.DryRun = true
	found, err := c.StartReplay(ctx, request)
	if err != nil {
		return false, fmt.Errorf("count deliveries: %w", err)
	}
	if found.Matched == 0 {
		p.noteNothing(found)
		return false, nil
	}
	p.showGroups(p.err, found)
	return true, p.confirm("Replay them?")
}
