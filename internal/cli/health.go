package cli

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/client"
)

// healthPatience is shorter than the time that container engines give a check.
const healthPatience = 8 * time.Second

func (p *program) healthCommand() *cobra.Command {
	var server string
	var alive bool
	cmd := &cobra.Command{
		Use: "health", Short: "Check whether a server is ready (for container health checks)",
		Long: `Ask a server on this machine whether it is ready: exit code 0 says yes, 1 no or no answer.
An API is ready while it reaches the ledger, a worker while it reaches the ledger and
Redis; neither is while it stops. No key is needed.

Without --server it asks at the port of WAYBILL_HEALTH_LISTEN, else of WAYBILL_LISTEN,
so that a container needs no more than "waybill health".`,
		Example: `  waybill health
  waybill health --server http://127.0.0.1:8481
  waybill health --alive`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.health(cmd.Context(), p.serverOf(server, p.ownServer()), alive)
		},
	}
	cmd.Flags().StringVar(&server, "server", "", "`URL` server to check [$"+serverEnv+"] (default: this container's)")
	cmd.Flags().BoolVar(&alive, "alive", false, "ask only whether the process answers")
	return cmd
}

func (p *program) health(ctx context.Context, server sourced, alive bool) error {
	if err := server.check(); err != nil {
		return err
	}
	connected, err := client.New(server.text, "", client.WithUserAgent("waybill-cli"), client.WithTimeout(healthPatience))
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	defer connected.Close()
	ask, state := connected.Ready, "ready"
	if alive {
		ask, state = connected.Health, "alive"
	}
	if err := ask(ctx); err != nil {
		return fmt.Errorf("%s is not %s: %s", server.text, state, describe(err))
	}
	p.printf("%s\n", state)
	return nil
}

// ownServer is where a server with the settings of this environment answers
// to health checks.
func (p *program) ownServer() string {
	listens := firstOf(p.getenv("WAYBILL_HEALTH_LISTEN"), p.getenv("WAYBILL_LISTEN"))
	host, port, err := net.SplitHostPort(listens)
	if err != nil {
		return defaultServer
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}
