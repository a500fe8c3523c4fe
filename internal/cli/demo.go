package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/internal/demo"
)

func (p *program) demoCommand() *cobra.Command {
	var options demo.Options
	cmd := &cobra.Command{
		Use: "demo", Short: "Run a demo on this machine",
		Long: `Start an engine with its embedded defaults and local receivers that verify signatures
as publishers do, send events, and show each delivery as it happens: a receiver that
fails and recovers, one that stays down, its dead letter, a replay, a rotated secret.

It ends with a summary and a list of claims, each checked in this run. The exit code is
1 when one is false. Nothing is installed and nothing leaves this machine; a
temporary directory holds the data and is removed at the end.`,
		Example: `  waybill demo
  waybill demo --keep
  waybill demo --data-dir ./demo-data`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			options.Out = p.out
			options.Color = p.look(p.out).colours
			return p.demo(cmd.Context(), options)
		},
	}
	cmd.Flags().BoolVar(&options.Keep, "keep", false, "leave everything running at the end, until Ctrl-C")
	cmd.Flags().StringVar(&options.DataDir, "data-dir", "", "`DIRECTORY` empty or new directory for the data, which stays (default: a temporary one)")
	return cmd
}

// demo clears up when its reader goes away too, as in "waybill demo | head".
func (p *program) demo(ctx context.Context, options demo.Options) error {
	defer outliveReaders()()
	if err := demo.Run(ctx, options); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return nil
}
