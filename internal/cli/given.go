package cli

import (
	"cmp"
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

// finishFlags shows the placeholder of every flag of a command and of those below it
// apart from its description, and makes flags refuse an empty value. That comes from
// a variable that is not set, and to do as if the flag had not been given would do
// something else than was meant.
func finishFlags(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		value := given{Value: flag.Value}
		_, value.clears = flag.Annotations[clearsMark]
		value.placeholder, flag.Usage = placeholderOf(flag.Usage)
		if flag.DefValue == "[]" {
			flag.DefValue = "" // else the help shows it, now that the type is another one
		}
		flag.Value = value
		if list, is := value.Value.(pflag.SliceValue); is {
			flag.Value = givenList{value, list}
		}
	})
	for _, below := range cmd.Commands() {
		finishFlags(below)
	}
}

// placeholderOf cuts the placeholder off a usage, where it stands first, in back
// quotes. Left there, the library would make it a word of the description.
func placeholderOf(usage string) (placeholder, description string) {
	if rest, found := strings.CutPrefix(usage, "`"); found {
		if placeholder, description, closed := strings.Cut(rest, "` "); closed {
			return placeholder, description
		}
	}
	return "", usage
}

// given is a value that is never empty once it is set, unless that clears it.
type given struct {
	pflag.Value

	placeholder string // empty: the value's own
	clears      bool
}

// givenList is one that may be given several times.
type givenList struct {
	given
	pflag.SliceValue
}

func (g given) Type() string { return cmp.Or(g.placeholder, g.Value.Type()) }

// kindOf is the type of a flag's value, whatever its placeholder.
func kindOf(value pflag.Value) string {
	switch value := value.(type) {
	case given:
		return value.Value.Type()
	case givenList:
		return value.Value.Type()
	default:
		return value.Type()
	}
}

func (g given) Set(text string) error {
	if blank(text) && !g.clears {
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
