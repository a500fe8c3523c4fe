package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// clearsMark annotates the flags of which an empty value removes what is there.
const clearsMark = "waybill_clears"

// clears marks flags that take an empty value, because it removes something.
func clears(cmd *cobra.Command, names ...string) { mark(cmd, clearsMark, names) }

// mark annotates flags of a command.
func mark(cmd *cobra.Command, as string, names []string) {
	for _, name := range names {
		cmd.Flags().Lookup(name).Annotations = map[string][]string{as: nil}
	}
}

// refuseEmpty makes every flag of a command and of those below it refuse an empty
// value. It comes from a variable that is not set, and to do as if the flag had
// not been given would do something else than was meant.
func refuseEmpty(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		if _, may := flag.Annotations[clearsMark]; may {
			return
		}
		if flag.DefValue == "[]" {
			flag.DefValue = "" // else the help shows it, now that the type is another one
		}
		flag.Value = given{flag.Value}
	})
	for _, below := range cmd.Commands() {
		refuseEmpty(below)
	}
}

// given is a value that is never empty once it is set.
type given struct{ pflag.Value }

func (g given) Set(text string) error {
	if blank(text) {
		return errors.New("is empty")
	}
	return g.Value.Set(text) //nolint:wrapcheck // badFlag words it
}

// refuseZero refuses flags that were given as the zero which stands for not given.
func refuseZero(cmd *cobra.Command, names ...string) error {
	for _, name := range names {
		if flag := cmd.Flags().Lookup(name); flag.Changed && flag.Value.String() == flag.DefValue {
			return usagef("--%s is 0: give more, or leave it out", name)
		}
	}
	return nil
}

func blank(text string) bool { return strings.TrimSpace(text) == "" }

// emptyFlag says what stands in for a flag that is left out, where its help does.
func emptyFlag(flag *pflag.Flag) error {
	_, rest, found := strings.Cut(flag.Usage, "(default: ")
	if instead, _, closed := strings.Cut(rest, ")"); found && closed {
		return usagef("--%s is empty: give a value, or leave it out (default: %s)", flag.Name, instead)
	}
	return usagef("--%s is empty: give a value, or leave it out", flag.Name)
}
