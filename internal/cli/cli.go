// Package cli is the command line of Waybill.
//
// It guarantees the exit codes 0 (done), 1 (failed), 2 (bad usage) and 130
// (interrupted before it was done); that results go to standard output and all else to standard error; and that what
// strangers wrote, such as a response's body, reaches a terminal escaped.
package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130 // what shells say of a program that Ctrl-C ended
)

// Run executes the command that args name and returns the exit code. Settings
// and keys come from the environment of the process. When ctx ends, a server
// drains and a client command stops.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{in: interruptible{stdin, ctx.Done()}, out: stdout, err: stderr, environ: os.Environ()}
	root := p.root() //nolint:contextcheck // cobra hands ctx to the command that runs
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	return p.finish(ctx, cmd, err)
}

// program is what all commands share.
type program struct {
	in      interruptible
	out     io.Writer // results
	err     io.Writer // everything else
	environ []string
}

// getenv returns a variable of the environment, or "".
func (p *program) getenv(name string) string {
	for _, pair := range p.environ {
		if value, found := strings.CutPrefix(pair, name+"="); found {
			return value
		}
	}
	return ""
}

func (p *program) printf(format string, args ...any) { fmt.Fprintf(p.out, format, args...) }
func (p *program) notef(format string, args ...any)  { fmt.Fprintf(p.err, format, args...) }

func (p *program) root() *cobra.Command {
	root := p.group("waybill", "Deliver conversion and exchange events to publishers' endpoints",
		`Waybill takes conversion and exchange events from a platform and sends each one to
the publisher's endpoint, signed in the scheme that the publisher verifies, until
the endpoint answers HTTP 200 or the delivery is a dead letter to replay.

Start with "waybill serve", which needs nothing installed.

Exit codes: 0 done, 1 failed, 2 bad usage, 130 interrupted before it was done.`)
	root.SilenceErrors, root.SilenceUsage = true, true
	root.Version = versionLine()
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return badFlag(err) })
	root.AddGroup(
		&cobra.Group{ID: groupServer, Title: "Server:"},
		&cobra.Group{ID: groupClient, Title: "Endpoints, events and deliveries (of a running server):"},
		&cobra.Group{ID: groupOffline, Title: "Signatures, offline:"},
	)
	addTo(root, groupServer, p.demoCommand(), p.serveCommand(), p.apiCommand(), p.workerCommand(), p.migrateCommand(), p.doctorCommand(), p.healthCommand(), p.benchCommand())
	addTo(root, groupClient,
		p.endpointCommand(), p.sendCommand(), p.exampleCommand(), p.eventCommand(),
		p.deliveryCommand(), p.replayCommand(), p.keyCommand(), p.schemeCommand())
	addTo(root, groupOffline, p.signCommand(), p.verifyCommand(), p.receiveCommand())
	root.AddCommand(p.versionCommand())
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	p.checkDefaults(root)
	p.addCompletions(root)
	finishFlags(root)
	return root
}

// The groups of the help.
const (
	groupServer  = "server"
	groupClient  = "client"
	groupOffline = "offline"
)

func addTo(root *cobra.Command, group string, commands ...*cobra.Command) {
	for _, command := range commands {
		command.GroupID = group
	}
	root.AddCommand(commands...)
}
