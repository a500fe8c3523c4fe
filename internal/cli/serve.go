package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/internal/app"
	"github.com/waybillhq/waybill/internal/config"
)

const precedence = `
Settings come from flags, then from the environment, then from the file that --config
names (the same names, with _ for -), then from the defaults. Lists are separated by
commas in the environment. SIGTERM and Ctrl-C drain and exit 0; a second one kills.`

func (p *program) serveCommand() *cobra.Command {
	return p.roleCommand(&cobra.Command{
		Use: "serve", Short: "Run the API and the workers in one process",
		Long: `Run the API and the workers in one process. With no settings at all the ledger is an
embedded SQLite file and the queue is embedded too, both in ./waybill-data, and the API
listens on 127.0.0.1:8480. The first start writes an admin key to DATA_DIR/admin.key.
` + precedence,
		Example: `  waybill serve
  waybill serve --listen :8480 --egress-ip 192.0.2.10
  waybill serve --config /etc/waybill.yaml`,
	}, app.Roles{API: true, Worker: true})
}

func (p *program) apiCommand() *cobra.Command {
	return p.roleCommand(&cobra.Command{
		Use: "api", Short: "Run the API alone",
		Long: `Run the API alone, beside any number of "waybill worker" processes that share its
ledger and its Redis.
` + precedence,
		Example: `  waybill api --database postgres://waybill@db.example.com/waybill --redis redis://redis.example.com:6379`,
	}, app.Roles{API: true})
}

func (p *program) workerCommand() *cobra.Command {
	return p.roleCommand(&cobra.Command{
		Use: "worker", Short: "Run the workers alone",
		Long: `Run the workers alone, beside a "waybill api" that shares the ledger and the Redis.
` + precedence,
		Example: `  waybill worker --database postgres://waybill@db.example.com/waybill --redis redis://redis.example.com:6379`,
	}, app.Roles{Worker: true})
}

func (p *program) roleCommand(cmd *cobra.Command, roles app.Roles) *cobra.Command {
	cmd.Annotations = map[string]string{drainMark: ""}
	return p.server(cmd, func(ctx context.Context, settings config.Config) error {
		defer outliveReaders()()
		ready := func(api, health net.Addr) { p.announce(settings, api, health) }
		if err := app.Run(ctx, settings, roles, newLogger(p.err, settings), ready); err != nil {
			return fmt.Errorf("run %s: %w", cmd.Name(), err)
		}
		return nil
	})
}

// server makes a command that takes a server's settings.
func (p *program) server(cmd *cobra.Command, act func(context.Context, config.Config) error) *cobra.Command {
	cmd.Args = takes()
	cmd.Flags().SortFlags = false
	config.AddFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		settings, err := config.Load(cmd.Flags(), p.environ)
		if err != nil {
			return usagef("%v", err)
		}
		return act(cmd.Context(), settings)
	}
	return cmd
}

// announce tells a person, or the script that started the server, that it is
// ready and where.
func (p *program) announce(settings config.Config, api, health net.Addr) {
	if health != nil {
		p.printf("health checks: http://%s\n", health)
	}
	if api == nil {
		p.printf("waybill is ready\n")
		return
	}
	p.printf("waybill listens on http://%s\n", api)
	if _, err := os.Stat(settings.AdminKeyFile()); err == nil { // A ledger that has keys gets no new one.
		p.printf("admin key: %s\n", settings.AdminKeyFile())
	}
}

// outliveReaders has the process go on when who reads what it prints goes away, a
// script that has seen enough or a log collector, until the returned function is
// called. The signal of the first such write would kill it.
func outliveReaders() (end func()) {
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	return func() { signal.Stop(broken) }
}

func newLogger(out io.Writer, settings config.Config) *slog.Logger {
	options := &slog.HandlerOptions{Level: settings.LogLevel, ReplaceAttr: inMilliseconds}
	if settings.LogFormat == config.LogJSON {
		return slog.New(slog.NewJSONHandler(out, options))
	}
	return slog.New(slog.NewTextHandler(out, options))
}

// inMilliseconds logs a duration as a number in every format: what one format
// writes as 1.5s and another as 1500000000 cannot be searched for.
func inMilliseconds(_ []string, attr slog.Attr) slog.Attr {
	if attr.Value.Kind() != slog.KindDuration {
		return attr
	}
	return slog.Float64(attr.Key+"_ms", float64(attr.Value.Duration().Microseconds())/1000)
}
