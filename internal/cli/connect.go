package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/internal/config"
)

const (
	defaultServer = "http://127.0.0.1:8480"
	serverEnv     = "WAYBILL_URL"
	keyEnv        = "WAYBILL_API_KEY"
)

// connection says which server a client command calls, and with which key.
type connection struct {
	server  string
	key     string
	dataDir string
}

// clientAction is what a client command does once there is a client.
type clientAction func(ctx context.Context, c *client.Client, args []string) error

// online makes a command a client command: it gets the flags that choose the
// server, and runs the action with a client.
func (p *program) online(cmd *cobra.Command, action clientAction) *cobra.Command {
	var to connection
	flags := cmd.Flags()
	flags.StringVar(&to.server, "server", "", "`URL` server to call [$"+serverEnv+"] (default \""+defaultServer+"\")")
	flags.StringVar(&to.key, "api-key", "", "`KEY` API key; other users of this machine see it in the process list [$"+keyEnv+"] (default: the one in DATA_DIR/admin.key)")
	flags.StringVar(&to.dataDir, "data-dir", "", "`DIRECTORY` data directory of a server on this machine, for its admin.key [$WAYBILL_DATA_DIR] (default \""+config.Default().DataDir+"\")")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkFilters(cmd); err != nil {
			return err
		}
		connected, err := p.connect(&to)
		if err != nil {
			return err
		}
		defer connected.Close()
		return action(cmd.Context(), connected, args)
	}
	return cmd
}

// connect makes the client and fills in what the flags left open.
func (p *program) connect(to *connection) (*client.Client, error) {
	server := p.serverOf(to.server, defaultServer)
	if err := server.check(); err != nil {
		return nil, err
	}
	key, err := p.keyOf(to)
	if err != nil {
		return nil, err
	}
	connected, err := client.New(server.text, key.text, client.WithUserAgent("waybill-cli"))
	if err != nil {
		return nil, usagef("%s: %v", key.source, err) // its URL is well
	}
	return connected, nil
}

// sourced is a text, and the flag, variable or file that it is from.
type sourced struct{ text, source string }

// serverOf is the server that the flag names, else the environment.
func (p *program) serverOf(flag, fallback string) sourced {
	if flag != "" {
		return sourced{flag, "--server"}
	}
	return sourced{firstOf(p.getenv(serverEnv), fallback), serverEnv}
}

// check refuses what is no server's URL. It is not repeated: it may hold a
// password.
func (s sourced) check() error {
	connected, err := client.New(s.text, "")
	if err != nil {
		return usagef("%s: %v; write it as http://HOST:PORT, such as %s", s.source, err, defaultServer)
	}
	connected.Close()
	return nil
}

// keyOf is the API key that the flag gives, else the environment, else the file
// of a server on this machine.
func (p *program) keyOf(to *connection) (sourced, error) {
	if to.key != "" {
		return sourced{to.key, "--api-key"}, nil
	}
	if key := p.getenv(keyEnv); key != "" {
		return sourced{key, keyEnv}, nil
	}
	dataDir := firstOf(to.dataDir, config.DataDir(p.environ))
	key, err := readAdminKey(dataDir)
	return sourced{key, config.Config{DataDir: dataDir}.AdminKeyFile()}, err
}

func readAdminKey(dataDir string) (string, error) {
	path := config.Config{DataDir: dataDir}.AdminKeyFile()
	text, err := os.ReadFile(filepath.Clean(path))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("API key not found: set %s; or start a server with \"waybill serve\", which writes %s if its ledger has no key yet, and run this in the same directory or with the same --data-dir", keyEnv, path)
	}
	if err != nil {
		return "", fmt.Errorf("read admin key: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
