package app

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/waybillhq/waybill/api"
	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/internal/circuit"
	"github.com/waybillhq/waybill/internal/clock"
	"github.com/waybillhq/waybill/internal/config"
	"github.com/waybillhq/waybill/internal/endpoints"
	"github.com/waybillhq/waybill/internal/keys"
	"github.com/waybillhq/waybill/internal/notice"
	"github.com/waybillhq/waybill/internal/outage"
	"github.com/waybillhq/waybill/internal/registry"
	"github.com/waybillhq/waybill/internal/retention"
	"github.com/waybillhq/waybill/internal/schemes"
	"github.com/waybillhq/waybill/internal/seal"
	"github.com/waybillhq/waybill/internal/traffic"
	"github.com/waybillhq/waybill/store"
	"github.com/waybillhq/waybill/store/postgres"
	"github.com/waybillhq/waybill/store/sqlite"
	"github.com/waybillhq/waybill/worker"
)

// ledger is what the parts together need of a store.
type ledger interface { //nolint:interfacebloat // the sum of what each part declares for itself
	dispatcher.Ledger
	dispatcher.Waiting
	dispatcher.Parking
	dispatcher.Groups
	dispatcher.Replays
	dispatcher.ReplayJobs
	worker.Deliveries
	worker.Recorder
	worker.Acceptances
	worker.SecretUses
	circuit.Ledger
	circuit.Prober
	notice.Ledger
	notice.Findings
	outage.Ledger
	registry.Ledger
	endpoints.Ledger
	keys.Ledger
	schemes.Ledger
	retention.Ledger
	traffic.Ledger
	traffic.FailureStreaks
	traffic.Deliveries
	traffic.Impediments
	traffic.Backlog
	api.History
	api.Exports
	api.ReplayReader
	api.EndpointReader
	seal.Records
	clock.Ledger
	Schema() store.Schema
	Close() error
}

const sqliteScheme = "sqlite:"

// openLedger opens the ledger that the settings name.
func openLedger(ctx context.Context, cfg config.Config, log *slog.Logger) (ledger, error) {
	if path, embedded := sqlitePath(cfg); embedded {
		opened, err := sqlite.Open(ctx, sqlite.Options{Path: path, Logger: log})
		if err != nil {
			return nil, fmt.Errorf("open ledger: %w", err)
		}
		return opened, nil
	}
	opened, err := postgres.Open(ctx, postgresOptions(cfg, log))
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	return opened, nil
}

// exposed says that every user may read the file of an embedded ledger, as one that
// was restored from a backup may be, and what makes it private.
func exposed(cfg config.Config) (found, remedy string) {
	path, embedded := sqlitePath(cfg)
	info, err := os.Stat(path)
	if !embedded || err != nil || info.Mode().Perm()&0o007 == 0 {
		return "", ""
	}
	return fmt.Sprintf("every user may read %s (mode %04o)", path, info.Mode().Perm()), "chmod 600 " + path + "*"
}

// sqlitePath is the file of an embedded ledger.
func sqlitePath(cfg config.Config) (path string, embedded bool) {
	return strings.CutPrefix(cfg.DatabaseURL(), sqliteScheme)
}

func postgresOptions(cfg config.Config, log *slog.Logger) postgres.Options {
	return postgres.Options{URL: cfg.DatabaseURL(), Connections: cfg.DatabaseConnections, Logger: log}
}

// Migrate brings the ledger's schema up to date and says from which version to
// which.
func Migrate(ctx context.Context, cfg config.Config, log *slog.Logger) (from, to int64, err error) {
	if _, embedded := sqlitePath(cfg); !embedded {
		schema, err := postgres.Migrate(ctx, postgresOptions(cfg, log))
		return schema.Found, schema.Current, err //nolint:wrapcheck // it says what failed
	}
	opened, err := openLedger(ctx, cfg, log)
	if err != nil {
		return 0, 0, err
	}
	schema := opened.Schema()
	return schema.Found, schema.Current, opened.Close() //nolint:wrapcheck // it says what failed
}
