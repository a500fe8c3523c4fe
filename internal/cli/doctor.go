package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/internal/app"
	"github.com/waybillhq/waybill/internal/config"
)

func (p *program) doctorCommand() *cobra.Command {
	return p.server(&cobra.Command{
		Use: "doctor", Short: "Check settings, ledger, Redis and egress address",
		Long: `Check what a server with the same settings would need: the settings themselves, the
ledger and its schema, Redis with its version and persistence, the keyring, and the
address that requests leave from. Exit code 1 says that a check failed.`,
		Example: `  waybill doctor
  waybill doctor --config /etc/waybill.yaml`,
	}, func(ctx context.Context, settings config.Config) error {
		failed := 0
		for _, check := range app.Doctor(ctx, settings) {
			if !check.OK {
				failed++
			}
			p.showCheck(check)
		}
		if failed > 0 {
			return fmt.Errorf("%s failed", counted(failed, "check"))
		}
		return nil
	})
}

func (p *program) showCheck(check app.Check) {
	verdict := "ok"
	switch {
	case !check.OK:
		verdict = "FAILED"
	case check.Warning:
		verdict = "warning"
	}
	p.printf("%-8s %s: %s\n", verdict, escapeLine(check.Name), escapeLine(check.Detail))
	if check.Remedy != "" {
		p.printf("         -> %s\n", escapeLine(check.Remedy))
	}
}
