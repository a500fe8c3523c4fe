package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// usageError is a command line that cannot be carried out as written.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

func usagef(format string, args ...any) error {
	return &usageError{message: fmt.Sprintf(format, args...)}
}

// isUsage reports whether an error is the caller's spelling, not a failure.
func isUsage(err error) bool {
	var usage *usageError
	return errors.As(err, &usage)
}

// group makes a command that only has others below it. Alone it shows its help
// and is bad usage.
func (p *program) group(use, short, long string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: long,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return unknownCommand(cmd, args[0])
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SetOut(p.err)
			_ = cmd.Help()
			return usagef("")
		},
	}
}

func unknownCommand(cmd *cobra.Command, name string) error {
	return usagef("%q has no command %q%s", cmd.CommandPath(), name, suggestion(cmd, name))
}

// suggestion is the question for a command of cmd that is spelled almost so.
func suggestion(cmd *cobra.Command, name string) string {
	cmd.SuggestionsMinimumDistance = 2 // letters to change
	near := cmd.SuggestionsFor(name)
	if len(near) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(near, " or ") + "?"
}

// takes makes an argument check: exactly the named arguments.
func takes(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usagef("missing %s", strings.Join(names[len(args):], " and "))
		case len(args) > len(names):
			return usagef("%q is one argument too many", args[len(names)])
		default:
			return notBlank(names, args)
		}
	}
}

// notBlank refuses arguments that are empty, such as those of a variable that is
// not set.
func notBlank(names, args []string) error {
	for i, name := range names {
		if blank(args[i]) {
			return usagef("%s is empty", name)
		}
	}
	return nil
}

// require is an error that names the flags that are missing.
func require(cmd *cobra.Command, names ...string) error {
	var missing []string
	for _, name := range names {
		if !cmd.Flags().Changed(name) {
			missing = append(missing, "--"+name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return usagef("missing %s", strings.Join(missing, " and "))
}

// checkDefaults makes bad usage of the commands that come with the library what
// it is of all others.
func (p *program) checkDefaults(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Args = helpTopic
		case "completion":
			alone := p.group("", "", "")
			cmd.Args, cmd.RunE = alone.Args, alone.RunE
			for _, shell := range cmd.Commands() {
				shell.Args = takes()
			}
		}
	}
}

func helpTopic(cmd *cobra.Command, args []string) error {
	about, rest, err := cmd.Root().Find(args)
	if err == nil && len(rest) == 0 {
		return nil
	}
	if about == nil {
		about = cmd.Root()
	}
	return usagef("help on %q not found%s", strings.Join(args, " "), suggestion(about, args[len(args)-1]))
}
