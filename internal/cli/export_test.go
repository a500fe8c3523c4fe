package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/signer"
)

// What the tests of this package look at from outside.
var (
	EscapeLine  = escapeLine
	NewLogger   = newLogger
	EscapeBlock = escapeBlock
	EscapeJSON  = escapeJSON
)

// Flags are the flags of every command that does something, by its name.
func Flags() map[string][]string {
	flags := map[string][]string{}
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if _, name, below := strings.Cut(cmd.CommandPath(), " "); below && cmd.Name() != "help" {
			flags[name] = []string{}
			cmd.Flags().VisitAll(func(flag *pflag.Flag) { flags[name] = append(flags[name], flag.Name) })
		}
		for _, below := range cmd.Commands() {
			walk(below)
		}
	}
	walk(new(program).root())
	return flags
}

// ParseRequest reads what --request was given.
func ParseRequest(text, base string) ([]signer.Received, error) {
	read, err := parseRequest([]byte(text))
	if err != nil {
		return nil, err
	}
	return read.received(base)
}

// ExportFile is "waybill delivery export --output" with pauses that the test
// looks at.
func ExportFile(ctx context.Context, c *client.Client, how client.ExportRequest, path string, resume bool, pause func(time.Duration) error) error {
	job := &exportJob{
		client: c, form: exportForm{how.Format, how.Attempts}, compress: how.Compress,
		pause: func(_ context.Context, wait time.Duration) error { return pause(wait) },
	}
	return exportFile(ctx, job, path, resume)
}

// Table is what a table looks like on a terminal of a width, or on none.
func Table(width int, colours bool, headings []string, rows [][]string) string {
	var out strings.Builder
	look{width: width, colours: colours}.table(&out, headings, rows)
	return out.String()
}
