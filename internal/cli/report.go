package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
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
	if problem, ok := errors.AsType[*client.Problem](err); ok {
		return describeProblem(problem)
	}
	refused, ok := errors.AsType[*signer.Error](err)
	if ok && refused.Code == signer.CodeDeclaration {
		return err.Error() // what stands before it is the place in the file
	}
	if ok {
		return fmt.Sprintf("%v (%s)", refused, refused.Code)
	}
	if domain, ok := errors.AsType[*postback.Error](err); ok {
		return fmt.Sprintf("%v (%s)", domain, domain.Code)
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

func describeProblem(problem *client.Problem) string {
	main := about(problem.Field, firstOf(problem.Detail, problem.Title, "refused"))
	tail := string(problem.Code)
	if problem.RetryAfter > 0 {
		tail += fmt.Sprintf(", retry after %s", problem.RetryAfter)
	}
	lines := []string{fmt.Sprintf("%s (%s)", main, tail)}
	for _, more := range problem.Errors {
		if line := about(more.Field, more.Message); line != main {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// about puts the field before the message, unless it is there already.
func about(field, message string) string {
	if field == "" || strings.HasPrefix(message, field+": ") {
		return message
	}
	return field + ": " + message
}
