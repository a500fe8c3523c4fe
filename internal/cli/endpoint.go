package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/internal/retry"
	"github.com/waybillhq/waybill/postback"
)

func (p *program) endpointCommand() *cobra.Command {
	group := p.group("endpoint", "Create, show and change publishers' endpoints",
		`An endpoint is where and how one publisher wants its events: URL, scheme, secret,
event types and retry policy.`)
	group.AddCommand(
		p.endpointCreate(), p.endpointList(), p.endpointShow(), p.endpointUpdate(),
		p.endpointPause(), p.endpointResume(), p.endpointEnable(), p.endpointRotate(), p.endpointDelete(),
	)
	return group
}

func (p *program) endpointList() *cobra.Command {
	var filter client.EndpointFilter
	var chosen paging
	var state string
	cmd := &cobra.Command{
		Use: "list", Short: "List endpoints",
		Long: "List endpoints, newest first. Deleted ones are not listed.",
		Example: `  waybill endpoint list --publisher pub_1
  waybill endpoint list --state paused --json`,
		Args: takes(),
	}
	cmd.Flags().StringVar(&filter.Publisher, "publisher", "", "`PUBLISHER` only those of this publisher")
	cmd.Flags().StringVar(&state, "state", "", "`STATE` only those in this state: enabled, paused or disabled")
	filters(cmd, "publisher", "state")
	chosen.add(cmd)
	return p.online(cmd, func(ctx context.Context, c *client.Client, _ []string) error {
		filter.State = postback.EndpointState(state)
		return listing[client.Endpoint]{
			what:     "endpoints",
			headings: []string{"endpoint", "state", "publisher", "scheme", "event types", "url"},
			row: func(e client.Endpoint) []string {
				return []string{e.ID, listedState(e), e.Publisher, e.Scheme, typesOf(e), e.URL}
			},
			page: func(ctx context.Context, page client.PageRequest) (client.Page[client.Endpoint], error) {
				return c.ListEndpoints(ctx, filter, page)
			},
		}.show(ctx, p, chosen)
	})
}

func (p *program) endpointShow() *cobra.Command {
	var asJSON bool
	window := time.Hour
	cmd := &cobra.Command{
		Use: "show ENDPOINT", Short: "Show an endpoint and its health",
		Long: `Show an endpoint and its health: whether it fails and when it is probed, what came
of the attempts of the last hour (or another window), and what waits for it and why.
Its secret is shown only when it is created or rotated.`,
		Example: `  waybill endpoint show ep_0198c0de00007000800000000000ab12
  waybill endpoint show ep_0198c0de00007000800000000000ab12 --window 15m --json`,
		Args: takes("ENDPOINT"),
	}
	durationFlag(cmd.Flags(), &window, "window", "time window of the attempt counts: 15m, 1h or 24h")
	jsonFlag(cmd, &asJSON)
	return p.online(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		endpoint, err := c.GetEndpoint(ctx, args[0])
		if err != nil {
			return fmt.Errorf("get endpoint: %w", err)
		}
		health, err := c.EndpointHealth(ctx, args[0], postback.FormatAge(window))
		if err != nil {
			return fmt.Errorf("get endpoint health: %w", err)
		}
		shown := client.EndpointResult{Endpoint: endpoint}
		if asJSON {
			return p.printJSON(shownEndpoint{shown, health})
		}
		if err := p.showEndpoint(shown, false); err != nil {
			return err
		}
		p.printHealth(health)
		return nil
	})
}

// warn prints what will go wrong though it was done.
func (p *program) warn(warnings []postback.Warning) {
	for _, warning := range warnings {
		about := ""
		if warning.EndpointID != "" {
			about = "endpoint " + escapeLine(warning.EndpointID) + ": "
		}
		p.notef("warning: %s%s (%s)\n", about, escapeLine(inFlags(warning.Message)), escapeLine(warning.Code))
	}
}

// showEndpoint prints an endpoint, and the secret and warnings of one that was
// just made or changed.
func (p *program) showEndpoint(result client.EndpointResult, asJSON bool) error {
	p.warn(result.Warnings)
	if asJSON {
		return p.printJSON(result)
	}
	e := result.Endpoint
	p.labels("",
		[2]string{"endpoint", e.ID},
		[2]string{"publisher", e.Publisher},
		[2]string{"state", stateLine(e)},
		[2]string{"scheme", e.Scheme},
		[2]string{"request", e.Method + " " + e.URL},
		[2]string{"headers", headerLine(e.Headers)},
		[2]string{"event types", typesOf(e)},
		[2]string{"retries", retryLine(e.Retry)},
		[2]string{"expects", expectLine(e.Expect)},
		[2]string{"success", joinInts(e.SuccessStatuses)},
		[2]string{"pace", paceLine(e)},
		[2]string{"in order of", escapeLine(e.OrderBy)},
		[2]string{"may be empty", escapeLine(strings.Join(e.AllowEmpty, ", "))},
		[2]string{"timeout", time.Duration(e.Timeout).String()},
		[2]string{"description", e.Description},
		[2]string{"created", when(e.CreatedAt)},
		[2]string{"changed", when(e.UpdatedAt)},
		[2]string{"secret", secretLine(result)},
	)
	if len(e.Secrets) > 1 {
		p.printf("\n")
		p.printSecrets(e.Secrets)
	}
	if result.Secret != "" {
		p.notef("The secret is shown this once: give it to the publisher and keep it safe.\n")
	}
	return nil
}

// listedState is the state with what somebody who looks for trouble wants to see.
func listedState(e client.Endpoint) string {
	if e.Circuit == "" {
		return string(e.State)
	}
	return fmt.Sprintf("%s, circuit %s", e.State, e.Circuit)
}

func stateLine(e client.Endpoint) string {
	if e.State != postback.EndpointDisabled {
		return string(e.State)
	}
	return fmt.Sprintf("%s: %s, since %s", e.State, e.DisabledReason, when(e.DisabledAt))
}

func secretLine(result client.EndpointResult) string {
	if result.Secret != "" {
		return result.Secret
	}
	line := fmt.Sprintf("version %d", result.SecretVersion)
	if !result.SecretCreatedAt.IsZero() {
		line += " of " + when(result.SecretCreatedAt)
	}
	return line
}

// printSecrets shows when each secret of an endpoint signs, and when it last did.
func (p *program) printSecrets(secrets []client.SecretTimes) {
	rows := make([][]string, 0, len(secrets))
	for _, secret := range secrets {
		rows = append(rows, []string{
			strconv.Itoa(secret.Version), when(secret.ActiveFrom), when(secret.RetiresAt), when(secret.LastUsedAt),
		})
	}
	p.printTable(p.out, []string{"secret", "signs from", "until", "last used"}, rows)
}

func typesOf(e client.Endpoint) string {
	if len(e.EventTypes) == 0 {
		return "all"
	}
	return strings.Join(e.EventTypes, ", ")
}

func headerLine(headers map[string]string) string {
	lines := make([]string, 0, len(headers))
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		lines = append(lines, name+": "+headers[name])
	}
	return strings.Join(lines, "; ")
}

func retryLine(policy postback.RetryPolicy) string {
	var parts []string
	add := func(given bool, format string, args ...any) {
		if given {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(policy.Schedule != nil || policy.Initial > 0, "%s", attemptsLine(policy))
	add(policy.MaxAge > 0, "for %s at most", postback.FormatAge(time.Duration(policy.MaxAge)))
	add(len(policy.On) > 0, "only on %s", strings.Join(policy.On, ", "))
	add(len(policy.StopOn) > 0, "never on %s", joinInts(policy.StopOn))
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, "; ")
}

// attemptsLine says when attempts are made: "3 attempts: immediately, then after 1s, 5s
// (±10 %)". Of a long curve it names the first delays and the longest.
func attemptsLine(policy postback.RetryPolicy) string {
	const room = 9
	delays, end := retry.Delays(policy), ""
	line := counted(len(delays)+1, "attempt") + ": immediately"
	if policy.Schedule == nil && len(delays) > room {
		delays, end = delays[:room], ", ... up to "+postback.FormatAge(time.Duration(policy.MaxInterval))
	}
	texts := make([]string, 0, len(delays))
	for _, delay := range delays {
		texts = append(texts, postback.FormatAge(delay))
	}
	if len(texts) > 0 {
		line += ", then after " + strings.Join(texts, ", ") + end
	}
	if policy.Jitter > 0 {
		line += fmt.Sprintf(" (±%g %%)", policy.Jitter*100)
	}
	return line
}

func joinInts(numbers []int) string {
	texts := make([]string, 0, len(numbers))
	for _, number := range numbers {
		texts = append(texts, strconv.Itoa(number))
	}
	return strings.Join(texts, ", ")
}
