package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/internal/app"
	"github.com/waybillhq/waybill/internal/config"
)

func (p *program) migrateCommand() *cobra.Command {
	return p.server(&cobra.Command{
		Use: "migrate", Short: "Migrate the ledger to this version's schema",
		Long: `Migrate the ledger to the schema of this version. The embedded ledger is migrated at
every start; a server on PostgreSQL refuses to start until this has run.`,
		Example: `  waybill migrate --database postgres://waybill@db.example.com/waybill`,
	}, func(ctx context.Context, settings config.Config) error {
		from, to, err := app.Migrate(ctx, settings, newLogger(p.err, settings))
		switch {
		case err != nil:
			return fmt.Errorf("migrate ledger: %w", err)
		case from == to:
			p.printf("the ledger is at version %d already\n", to)
		default:
			p.printf("the ledger went from version %d to %d\n", from, to)
		}
		return nil
	})
}
