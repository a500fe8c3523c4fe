package app

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/waybillhq/waybill/api"
	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/internal/config"
	"github.com/waybillhq/waybill/internal/endpoints"
	"github.com/waybillhq/waybill/internal/keys"
	"github.com/waybillhq/waybill/internal/registry"
	"github.com/waybillhq/waybill/internal/retention"
	"github.com/waybillhq/waybill/internal/schemes"
	"github.com/waybillhq/waybill/internal/seal"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
	"github.com/waybillhq/waybill/store/sqlite"
	"github.com/waybillhq/waybill/worker"
)

// ledger is what the parts together need of a store.
type ledger interface { //nolint:interfacebloat // the sum of what each part declares for itself
	dispatcher.Waiting
	dispatcher.Parking
	dispatcher.Replays
	worker.Ledger
	worker.SecretUses
	registry.Ledger
	endpoints.Ledger
	keys.Ledger
	schemes.Ledger
	retention.Ledger
	api.History
	api.Exports
	api.EndpointReader
	seal.Records
	Schema() store.Schema
	Close() error
}

// codeDatabase says that the ledger that was named cannot be used.
const codeDatabase postback.Code = "database_unusable"

const sqliteScheme = "sqlite:"

// openLedger opens the ledger that the settings name.
func openLedger(ctx context.Context, cfg config.Config, log *slog.Logger) (ledger, error) {
	path, isSQLite := strings.CutPrefix(cfg.DatabaseURL(), sqliteScheme)
	if !isSQLite {
		return nil, postback.Invalid("database", codeDatabase, "only sqlite:PATH works in this version")
	}
	opened, err := sqlite.Open(ctx, sqlite.Options{Path: path, Logger: log})
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	return opened, nil
}
