package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

func (p *program) exampleCommand() *cobra.Command {
	var eventType string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "example ENDPOINT", Short: "Send an example to an endpoint",
		Long: `Send an example event to one endpoint, wait for its answer, and show what was signed,
sent and answered. It is tried once, and is marked as a test in the history. The exit
code is 1 when its answer is no success; the most likely reason is printed then.`,
		Example: "  waybill example " + exampleEndpoint + `
  waybill example ` + exampleEndpoint + " --type conversion.reversed",
		Args: takes("ENDPOINT"),
	}
	cmd.Flags().StringVar(&eventType, "type", "", "`TYPE` event type (default: the one that the scheme sends most)")
	jsonFlag(cmd, &asJSON)
	return p.online(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		example, err := c.SendExample(ctx, args[0], eventType)
		if err != nil {
			return fmt.Errorf("send example: %w", err)
		}
		if asJSON {
			err = p.printJSON(example)
		} else {
			p.showDelivery(example.Delivery)
			p.showAttempt(example.Attempt)
			p.showDiagnosis(example.Diagnosis)
		}
		if err == nil && example.Attempt.Outcome != postback.OutcomeSucceeded {
			return errors.New("the endpoint did not answer with success")
		}
		return err
	})
}
