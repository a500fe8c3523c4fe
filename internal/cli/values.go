package cli

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// list is the value of every flag that takes several: separated by commas, with or
// without spaces, or given again.
type list struct {
	items *[]string
	given bool // the items are no longer the default
}

// listVar adds a flag that takes several values, with those that it has as long as it
// is not given.
func listVar(flags *pflag.FlagSet, into *[]string, name, usage string) {
	flags.Var(&list{items: into}, name, usage)
}

// Set adds the items of a text; one that is blank has none. An empty one among others
// comes from a variable that is not set, or a slip.
func (l *list) Set(text string) error {
	items := []string{}
	if !blank(text) {
		for item := range strings.SplitSeq(text, ",") {
			items = append(items, strings.TrimSpace(item))
		}
	}
	if slices.Contains(items, "") {
		return errors.New("an item is empty; give it a value, or remove a comma")
	}
	if !l.given {
		*l.items, l.given = nil, true
	}
	*l.items = append(*l.items, items...)
	return nil
}

func (l *list) Type() string { return "list" }

// String is what the help shows of a default.
func (l *list) String() string {
	if l.items == nil || len(*l.items) == 0 {
		return ""
	}
	return "[" + strings.Join(*l.items, ",") + "]"
}

// Append, Replace and GetSlice let others see the items.
func (l *list) Append(item string) error { *l.items = append(*l.items, item); return nil }

func (l *list) Replace(items []string) error { *l.items = items; return nil }

func (l *list) GetSlice() []string { return *l.items }

// number is the value of a flag that takes a number, of which there is a text in JSON.
type number float64

func numberVar(flags *pflag.FlagSet, into *float64, name, usage string) {
	flags.Var((*number)(into), name, usage)
}

func (n *number) Set(text string) error {
	read, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(read) || math.IsInf(read, 0) {
		return errors.New("use a number")
	}
	*n = number(read)
	return nil
}

func (n *number) Type() string { return "float64" }

func (n *number) String() string { return strconv.FormatFloat(float64(*n), 'g', -1, 64) }
