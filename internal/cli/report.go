package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// finish prints what went wrong and turns it into an exit code.
func (p *program) finish(cmd *cobra.Command, err error) int {
	if err == nil {
		return exitDone
	}
	for line := range strings.SplitSeq(describe(err), "\n") {
		if line != "" {
			p.notef("error: %s\n", escapeLine(line))
		}
	}
	if !isUsage(err) {
		return exitFailed
	}
	if err.Error() != "" {
		p.notef("Run \"%s --help\" for usage.\n", cmd.CommandPath())
	}
	return exitUsage
}

// describe words an error for people, one line for each thing that is wrong:
// what was refused by its field and code, all else as it is.
func describe(err error) string {
	if problem, ok := errors.AsType[*client.Problem](err); ok {
		return describeProblem(problem)
	}
	if refused, ok := errors.AsType[*signer.Error](err); ok {
		return fmt.Sprintf("%v (%s)", refused, refused.Code)
	}
	if domain, ok := errors.AsType[*postback.Error](err); ok {
		return fmt.Sprintf("%v (%s)", domain, domain.Code)
	}
	return err.Error()
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
