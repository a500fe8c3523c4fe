package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

// interrupted is why a command stopped that somebody stopped.
const interrupted = "interrupted"

// errInterrupted is what a command ends with that somebody stopped while it read
// or waited.
func errInterrupted() error { return errors.New(interrupted) }

// finish prints what went wrong and turns it into an exit code. What a command
// that was interrupted fails with only follows from that; a server is meant to be
// stopped, and fails when it could not drain.
func (p *program) finish(ctx context.Context, cmd *cobra.Command, err error) int {
	if err == nil {
		return exitDone
	}
	err = p.blame(cmd, err)
	text, stopped := describe(err), ctx.Err() != nil && !drains(cmd)
	if stopped && !isUsage(err) && !strings.Contains(text, interrupted) {
		text = interrupted
	}
	for line := range strings.SplitSeq(text, "\n") {
		if line != "" {
			p.notef("error: %s\n", escapeLine(line))
		}
	}
	switch {
	case isUsage(err):
		if err.Error() != "" {
			p.notef("Run \"%s --help\" for usage.\n", cmd.CommandPath())
		}
		return exitUsage
	case stopped:
		return exitInterrupted
	default:
		return exitFailed
	}
}

// drainMark annotates the commands that run until a signal ends them.
const drainMark = "waybill_drains"

func drains(cmd *cobra.Command) bool {
	_, marked := cmd.Annotations[drainMark]
	return marked
}

// describe words an error for people, one line for each thing that is wrong:
// what was refused by its field and code, all else as it is.
func describe(err error) string {
	if refused, ok := refusalOf(err); ok {
		return refused.words(func(field string) string { return field })
	}
	if call, ok := errors.AsType[*url.Error](err); ok {
		return describeCall(call)
	}
	if errors.Is(err, context.Canceled) {
		return interrupted
	}
	return err.Error()
}

// describeCall says what to do when no server answers. The query of the URL is
// left out: it may identify a user.
func describeCall(call *url.Error) string {
	server := "the server"
	if target, err := url.Parse(call.URL); err == nil {
		server = target.Scheme + "://" + target.Host
	}
	var lookup *net.DNSError
	var dial *net.OpError
	switch {
	case errors.Is(call, context.Canceled):
		return interrupted
	case errors.As(call, &lookup), errors.As(call, &dial) && dial.Op == "dial":
		return fmt.Sprintf("no server answers at %s: %v; start one with \"waybill serve\", or name another with --server or %s", server, call.Err, serverEnv)
	default:
		return fmt.Sprintf("call %s: %v", server, call.Err)
	}
}
