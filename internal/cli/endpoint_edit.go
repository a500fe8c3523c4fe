package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

func (p *program) endpointCreate() *cobra.Command {
	var flags endpointFlags
	var secret secretFlags
	var spec client.EndpointSpec
	var operator bool
	cmd := &cobra.Command{
		Use: "create --publisher PUBLISHER --url URL --scheme SCHEME", Short: "Create an endpoint",
		Long: `Create an endpoint and print its secret, which is never shown again. Without a secret
one is generated in the form that the scheme's network gives its publishers; give one
that the publisher has already with --secret-file, --secret-stdin or --secret-env NAME.

With --operator it belongs to no publisher and gets Waybill's alerts: when an endpoint
starts failing, recovers, is disabled or cannot be sent to, when deliveries become dead
letters, when events reach nobody, and when nothing can be sent at all (endpoint.failing,
endpoint.recovered, endpoint.disabled, endpoint.blocked, deliveries.dead, events.unmatched,
egress.down, egress.recovered).`,
		Example: `  waybill endpoint create --publisher pub_1 --scheme besitos --url https://publisher.example.com/postback
  waybill endpoint create --publisher pub_1 --scheme bitlabs --secret-file secret.txt \
    --url 'https://publisher.example.com/complete?uid=[%UID%]&val=[%VAL%]&tx=[%TX%]'
  waybill endpoint create --publisher pub_2 --scheme simpleswap --url https://exchange.example.com/hook \
    --event-type 'exchange.*' --retry-schedule 1s,5s,1m,10m
  waybill endpoint create --operator --url https://ops.example.com/waybill`,
		Args: takes(),
	}
	cmd.Flags().StringVar(&spec.Publisher, "publisher", "", "`PUBLISHER` publisher whose events it receives")
	cmd.Flags().StringVar(&spec.Scheme, "scheme", "", "`SCHEME` scheme that the publisher verifies")
	cmd.Flags().BoolVar(&operator, "operator", false, "for alerts to operators, as "+postback.OperatorScheme)
	flags.add(cmd)
	secret.add(cmd, "that the publisher has already (default: generated)")
	return p.online(cmd, func(ctx context.Context, c *client.Client, _ []string) error {
		if err := whose(cmd, operator, &spec); err != nil {
			return err
		}
		settings, err := flags.settings(cmd)
		if err != nil {
			return err
		}
		spec.EndpointSettings = settings
		known, err := secret.read(p)
		if err != nil {
			return err
		}
		spec.Secret = known.Reveal()
		made, err := c.CreateEndpoint(ctx, spec)
		if err != nil {
			return fmt.Errorf("create endpoint: %w", err)
		}
		return p.showEndpoint(made, flags.json)
	})
}

// whose completes whose endpoint it is to be.
func whose(cmd *cobra.Command, operator bool, spec *client.EndpointSpec) error {
	switch {
	case !operator:
		return require(cmd, "url", "scheme")
	case spec.Publisher != "" || spec.Scheme != "":
		return usagef("--operator says whose it is and in which scheme: leave --publisher and --scheme out")
	}
	spec.Publisher, spec.Scheme = postback.Operator, postback.OperatorScheme
	return require(cmd, "url")
}

func (p *program) endpointUpdate() *cobra.Command {
	var flags endpointFlags
	cmd := &cobra.Command{
		Use: "update ENDPOINT", Short: "Change an endpoint",
		Long: `Change what the flags name and leave the rest. --header replaces all headers,
--event-type all patterns and --allow-empty all macros. An empty value ('') removes what
is there: of --header, --event-type, --allow-empty, --description, --expect, --order-by, --success-statuses, --retry-on and --stop-on; of
--retry-schedule it leaves one attempt. --retry null brings back the scheme's own policy.
--rate-limit 0 removes the limit; another one keeps the burst.

Each --retry-... flag changes its part of the policy, but --retry-schedule takes the
place of a curve, and a flag of a curve that of a schedule. What is expected of the body
of a successful answer is set as a whole. Attempts that are due follow the new settings.`,
		Example: `  waybill endpoint update ep_0198c0de00007000800000000000ab12 --timeout 30s
  waybill endpoint update ep_0198c0de00007000800000000000ab12 --retry-on 5xx,timeout --stop-on 403
  waybill endpoint update ep_0198c0de00007000800000000000ab12 --event-type ''`,
		Args: takes("ENDPOINT"),
	}
	flags.add(cmd)
	settingsClear(cmd)
	return p.online(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		patch, err := flags.patch(cmd, func() (postback.EndpointSettings, error) {
			before, err := c.GetEndpoint(ctx, args[0])
			if err != nil {
				return postback.EndpointSettings{}, fmt.Errorf("get endpoint: %w", err)
			}
			return before.EndpointSettings, nil
		})
		if err != nil {
			return err
		}
		if len(patch) == 0 {
			return usagef("nothing to change: give at least one flag such as --url")
		}
		changed, err := c.UpdateEndpoint(ctx, args[0], patch)
		if err != nil {
			return fmt.Errorf("update endpoint: %w", err)
		}
		return p.showEndpoint(changed, flags.json)
	})
}
