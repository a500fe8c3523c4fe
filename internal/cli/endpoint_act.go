package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

const exampleEndpoint = "ep_0198c0de00007000800000000000ab12"

func (p *program) endpointPause() *cobra.Command {
	cmd := &cobra.Command{
		Use: "pause ENDPOINT", Short: "Pause an endpoint; its deliveries wait",
		Long:    "Pause an endpoint: its deliveries wait until it is resumed. Nothing is lost and no attempt is used up.",
		Example: "  waybill endpoint pause " + exampleEndpoint,
		Args:    takes("ENDPOINT"),
	}
	return p.endpointSwitch(cmd, (*client.Client).PauseEndpoint)
}

func (p *program) endpointResume() *cobra.Command {
	cmd := &cobra.Command{
		Use: "resume ENDPOINT", Short: "Resume a paused endpoint",
		Long:    "Resume a paused endpoint: what waited is sent, and so are new deliveries.",
		Example: "  waybill endpoint resume " + exampleEndpoint,
		Args:    takes("ENDPOINT"),
	}
	return p.endpointSwitch(cmd, (*client.Client).ResumeEndpoint)
}

func (p *program) endpointEnable() *cobra.Command {
	cmd := &cobra.Command{
		Use: "enable ENDPOINT", Short: "Enable a disabled endpoint",
		Long: `Enable an endpoint that was disabled because it answered 410 or failed for too long.
What waited is sent, oldest first. Update the URL first if it has changed, and send an
example to try it. Earlier failures no longer count.`,
		Example: `  waybill endpoint update ` + exampleEndpoint + ` --url https://publisher.example.com/new
  waybill example ` + exampleEndpoint + `
  waybill endpoint enable ` + exampleEndpoint,
		Args: takes("ENDPOINT"),
	}
	return p.endpointSwitch(cmd, (*client.Client).EnableEndpoint)
}

func (p *program) endpointSwitch(cmd *cobra.Command, act func(*client.Client, context.Context, string) (client.Endpoint, error)) *cobra.Command {
	var asJSON bool
	jsonFlag(cmd, &asJSON)
	return p.online(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		endpoint, err := act(c, ctx, args[0])
		if err != nil {
			return fmt.Errorf("%s endpoint: %w", cmd.Name(), err)
		}
		if asJSON {
			return p.printJSON(endpoint)
		}
		p.printf("%s is %s\n", escapeLine(endpoint.ID), endpoint.State)
		return nil
	})
}

func (p *program) endpointRotate() *cobra.Command {
	var secret secretFlags
	var asJSON bool
	var at string
	var replace bool
	var overlap time.Duration
	cmd := &cobra.Command{
		Use: "rotate-secret ENDPOINT", Short: "Rotate an endpoint's secret",
		Long: `Rotate an endpoint's secret and print the new one; it is never shown again. From then
on every attempt is signed with it, retries and replays of older events too.

A URL or a JSON field holds one signature, so in most schemes a rotation is a cutover
and the publisher must change the secret at the same moment: agree on a time and give
it with --at, or pause the endpoint, rotate, and resume it. A scheme whose header
holds several signatures can sign with both secrets for a while: --overlap.

The current secret is refused. A rotation that is scheduled already is replaced only
with --replace. The secret is read from the environment only if --secret-env names the
variable.`,
		Example: "  waybill endpoint rotate-secret " + exampleEndpoint + `
  waybill endpoint rotate-secret ` + exampleEndpoint + ` --at 2026-01-31T12:00:00Z
  waybill endpoint rotate-secret ` + exampleEndpoint + " --secret-file secret.txt",
		Args: takes("ENDPOINT"),
	}
	secret.add(cmd, "that the publisher chose (default: generated)")
	cmd.Flags().StringVar(&at, "at", "", "`TIME` when it begins to sign, up to 30 days ahead: RFC 3339 (2026-01-31T12:00:00Z), or a date in UTC (default: now)")
	cmd.Flags().BoolVar(&replace, "replace", false, "discard a rotation that is planned for later")
	durationFlag(cmd.Flags(), &overlap, "overlap", "how long the secret before signs beside it, 30d at most, where the scheme allows it")
	jsonFlag(cmd, &asJSON)
	return p.online(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		chosen, err := secret.read(p)
		if err != nil {
			return err
		}
		if ago(at) {
			return usagef("invalid --at %q: an age lies in the past; use RFC 3339 or a date", at)
		}
		from, err := timeFlag("at", at, time.Now(), time.Time{})
		if err != nil {
			return err
		}
		rotated, err := c.RotateSecret(ctx, args[0], client.Rotation{
			Secret: chosen.Reveal(), At: client.Time{Time: from}, Overlap: postback.Duration(overlap), Replace: replace,
		})
		if err != nil {
			return fmt.Errorf("rotate secret: %w", err)
		}
		return p.showEndpoint(rotated, asJSON)
	})
}

func (p *program) endpointDelete() *cobra.Command {
	var yes, dryRun bool
	cmd := &cobra.Command{
		Use: "delete ENDPOINT", Short: "Delete an endpoint",
		Long: `Delete an endpoint. Deliveries that wait for it are cancelled; its history stays.
Replayed deliveries that wait and were not sent again take back how they had ended.
On a terminal it asks first; elsewhere, as in a script, it deletes at once, with or
without --yes. --dry-run only says what waits, by state and reason.`,
		Example: "  waybill endpoint delete " + exampleEndpoint + " --yes",
		Args:    takes("ENDPOINT"),
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask for confirmation")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only show what would be cancelled")
	return p.online(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		health, err := c.EndpointHealth(ctx, args[0], "")
		if err != nil {
			return fmt.Errorf("read what waits: %w", err)
		}
		waits := escapeLine(waitingLine(health.Waiting))
		if dryRun {
			p.printf("%s would be deleted; waiting deliveries to cancel: %s\n", escapeLine(args[0]), waits)
			return nil
		}
		if !yes && p.interactive() {
			if err := p.confirm("Delete " + args[0] + " and cancel what waits for it (" + waits + ")?"); err != nil {
				return err
			}
		}
		if err := c.DeleteEndpoint(ctx, args[0]); err != nil {
			return fmt.Errorf("delete endpoint: %w", err)
		}
		p.printf("%s is deleted; waiting deliveries that were cancelled: %s\n", escapeLine(args[0]), waits)
		return nil
	})
}
