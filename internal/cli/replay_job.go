package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

func (p *program) showReplay(job client.ReplayJob, asJSON bool) error {
	switch {
	case asJSON:
		return p.printJSON(job)
	case job.DryRun:
		p.showGroups(p.out, job)
	default:
		p.printf("%s is %s: %s\n", escapeLine(job.ID), job.State, progressOf(job))
		if job.Outcomes != nil && job.Replayed > 0 {
			p.printf("of the replayed: %s\n", outcomesOf(*job.Outcomes))
		}
		if job.OutcomesOmitted {
			p.printf("of the replayed: too many to count in time; try waybill replay show %s later, or filter waybill delivery list\n", escapeLine(job.ID))
		}
	}
	return nil
}

// showGroups says what a dry run counted.
func (p *program) showGroups(to io.Writer, job client.ReplayJob) {
	kept := 0
	rows := make([][]string, 0, len(job.Groups))
	for _, group := range job.Groups {
		note := ""
		if group.EndpointDeleted {
			kept += group.Count
			note = "skipped: the endpoint is deleted"
		}
		rows = append(rows, []string{strconv.Itoa(group.Count), group.EndpointID, string(group.State), string(group.Reason), note})
	}
	fmt.Fprintf(to, "%s would be replayed\n", counted(job.Matched-kept, "delivery"))
	if kept > 0 {
		fmt.Fprintf(to, "%s would be skipped\n", counted(kept, "delivery"))
	}
	if len(rows) > 0 {
		fmt.Fprintln(to)
		p.printTable(to, []string{"count", "endpoint", "state", "reason", "note"}, rows)
	}
}

// outcomesOf says what became of what a job opened, without what became of none.
func outcomesOf(outcomes postback.ReplayOutcomes) string {
	var texts []string
	for _, one := range []struct {
		count int
		what  string
	}{
		{outcomes.Succeeded, "succeeded"},
		{outcomes.Dead, "failed again"},
		{outcomes.Waiting, "waiting"},
		{outcomes.Parked, "parked"},
		{outcomes.Cancelled, "cancelled"},
		{outcomes.Unsent, "not sent (as they had ended)"},
		{outcomes.ReplayedAgain, "replayed again"},
		{outcomes.Purged, "purged"},
	} {
		if one.count > 0 {
			texts = append(texts, fmt.Sprintf("%d %s", one.count, one.what))
		}
	}
	return strings.Join(texts, ", ")
}

// progressOf says how far a job is.
func progressOf(job client.ReplayJob) string {
	text := fmt.Sprintf("%d of %d deliveries replayed", job.Replayed, job.Matched)
	if job.Skipped > 0 {
		text += fmt.Sprintf(", %d skipped%s", job.Skipped, reasonsOf(job.Skips))
	}
	if !job.Collected && job.State == postback.ReplayRunning {
		text += ", more are being looked for"
	}
	return text
}

// reasonsOf says why deliveries were skipped, the most common reason first. Jobs
// of earlier versions do not know.
func reasonsOf(skips postback.ReplaySkips) string {
	type count struct {
		n   int
		why string
	}
	counts := []count{
		{skips.EndpointDeleted, "the endpoint is deleted"},
		{skips.MovedOn, "replayed by others"},
		{skips.Removed, "purged"},
	}
	slices.SortStableFunc(counts, func(a, b count) int { return b.n - a.n })
	var texts []string
	for _, one := range counts {
		if one.n > 0 {
			texts = append(texts, fmt.Sprintf("%d %s", one.n, one.why))
		}
	}
	if len(texts) == 0 {
		return ""
	}
	return " (" + strings.Join(texts, ", ") + ")"
}

func (p *program) replayList() *cobra.Command {
	var publisher string
	var chosen paging
	cmd := &cobra.Command{
		Use: "list", Short: "List replay jobs",
		Long:    "List replay jobs, newest first.",
		Example: "  waybill replay list\n  waybill replay list --publisher pub_1 --json",
		Args:    takes(),
	}
	cmd.Flags().StringVar(&publisher, "publisher", "", "`PUBLISHER` only those whose filters name this publisher")
	filters(cmd, "publisher")
	chosen.add(cmd)
	return p.online(cmd, func(ctx context.Context, c *client.Client, _ []string) error {
		return listing[client.ReplayJob]{
			what:     "replays",
			headings: []string{"replay", "state", "matched", "replayed", "skipped", "remaining", "rate", "publisher", "endpoint", "created", "ended"},
			row:      replayRow,
			page: func(ctx context.Context, page client.PageRequest) (client.Page[client.ReplayJob], error) {
				return c.ListReplays(ctx, publisher, page)
			},
		}.show(ctx, p, chosen)
	})
}

func replayRow(job client.ReplayJob) []string {
	state, rate := string(job.State), ""
	switch {
	case job.DryRun:
		state = "dry run"
	case !job.Collected && job.State == postback.ReplayRunning:
		state = "collecting"
	}
	if job.Rate != 0 {
		rate = strconv.FormatFloat(job.Rate, 'g', -1, 64) + "/s"
	}
	return []string{
		job.ID, state, strconv.Itoa(job.Matched), strconv.Itoa(job.Replayed), strconv.Itoa(job.Skipped), strconv.Itoa(job.Remaining),
		rate, job.Filter.Publisher.String(), job.Filter.Endpoint.String(), when(job.CreatedAt), when(job.EndedAt),
	}
}

func (p *program) replayWatch() *cobra.Command {
	cmd := &cobra.Command{
		Use: "watch REPLAY", Short: "Watch a replay job until it ends",
		Long:    "Watch a replay job until it ends. Ctrl-C stops watching, not the job.",
		Example: "  waybill replay watch rpl_0198c0de00007000800000000000ab12",
		Args:    takes("REPLAY"),
	}
	return p.replayJob(cmd, func(ctx context.Context, c *client.Client, id string) (client.ReplayJob, error) {
		job, err := getReplay(ctx, c, id)
		if err != nil {
			return job, err
		}
		return p.watch(ctx, c, job)
	})
}

func getReplay(ctx context.Context, c *client.Client, id string) (client.ReplayJob, error) {
	job, err := c.GetReplay(ctx, id)
	if err != nil {
		return job, fmt.Errorf("get replay: %w", err)
	}
	return job, nil
}

func (p *program) replayShow() *cobra.Command {
	cmd := &cobra.Command{
		Use: "show REPLAY", Short: "Show a replay job's progress",
		Long:    "Show a replay job's progress.",
		Example: "  waybill replay show rpl_0198c0de00007000800000000000ab12",
		Args:    takes("REPLAY"),
	}
	return p.replayJob(cmd, getReplay)
}

func (p *program) replayCancel() *cobra.Command {
	cmd := &cobra.Command{
		Use: "cancel REPLAY", Short: "Cancel a replay job",
		Long:    "Cancel a replay job. What it replayed stays replayed.",
		Example: "  waybill replay cancel rpl_0198c0de00007000800000000000ab12",
		Args:    takes("REPLAY"),
	}
	return p.replayJob(cmd, func(ctx context.Context, c *client.Client, id string) (client.ReplayJob, error) {
		job, err := c.CancelReplay(ctx, id)
		if err != nil {
			return job, fmt.Errorf("cancel replay: %w", err)
		}
		return job, nil
	})
}

func (p *program) replayJob(cmd *cobra.Command, call func(context.Context, *client.Client, string) (client.ReplayJob, error)) *cobra.Command {
	var asJSON bool
	jsonFlag(cmd, &asJSON)
	return p.online(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		job, err := call(ctx, c, args[0])
		if err != nil {
			return err
		}
		return p.showReplay(job, asJSON)
	})
}
