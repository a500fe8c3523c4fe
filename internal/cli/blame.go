package cli

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// blame names the flags that a refusal is about. That the same value would be
// refused again is bad usage, whoever refuses it.
func (p *program) blame(cmd *cobra.Command, err error) error {
	refused, ok := refusalOf(err)
	if !ok || isUsage(err) {
		return err
	}
	found := false
	text := refused.words(func(field string) string {
		flag, rest := flagOf(cmd, field)
		if flag == nil {
			return field
		}
		found = true
		return p.label(flag, rest)
	})
	switch {
	case !found:
		return err
	case refused.lasting:
		return usagef("%s", text)
	default:
		return errors.New(text)
	}
}

// flagOf is the flag that set a field of a request, and what of the field is
// within its value: of those that can the one that was given.
func flagOf(cmd *cobra.Command, field string) (flag *pflag.Flag, rest string) {
	field = strings.TrimPrefix(field, "filter.")
	for at := len(field); at > 0; at = strings.LastIndexAny(field[:at], ".[") {
		names := flagNames(field[:at])
		if at == len(field) {
			names = append(names, partsOf(cmd, field)...)
		}
		for _, name := range names {
			found := cmd.Flags().Lookup(name)
			if found != nil && (flag == nil || found.Changed && !flag.Changed) {
				flag, rest = found, field[at:]
			}
		}
	}
	return flag, rest
}

// flagNames are the flags that may set a member of a request.
func flagNames(member string) []string {
	for _, flag := range settingFlags() {
		if flag.setting == member {
			return []string{flag.name}
		}
	}
	switch own := strings.NewReplacer("_", "-", ".", "-").Replace(member); member {
	case "id":
		return []string{"id", "message-id"}
	case "event_type":
		return []string{"type"}
	case "rate_limit.per_second":
		return []string{"rate-limit"}
	case "retry.stop_on":
		return []string{"stop-on"}
	case "rate_limit.burst":
		return []string{"rate-burst"}
	case "data":
		return []string{"data", "field"}
	default:
		return []string{own}
	}
}

// partsOf are the flags that together, or each in a way of its own, set a member.
func partsOf(cmd *cobra.Command, member string) []string {
	if !slices.Contains([]string{"secret", "retry", "expect"}, member) {
		return nil
	}
	var parts []string
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		if strings.HasPrefix(flag.Name, member+"-") {
			parts = append(parts, flag.Name)
		}
	})
	return parts
}

// label names what is wrong with a command line: the flag, the one of its values,
// and what is within that.
func (p *program) label(flag *pflag.Flag, rest string) string {
	if flag.Name == "secret" && !flag.Changed && p.getenv(secretEnv) != "" {
		return secretEnv
	}
	label := "--" + flag.Name
	if flag.Name == "data" {
		label = sourceOf(flag.Name, flag.Value.String())
	}
	if value, after, ok := valueAt(flag, rest); ok {
		label, rest = label+" "+strconv.Quote(value), after
	}
	if rest = strings.TrimPrefix(rest, "."); rest != "" {
		return label + ": " + rest
	}
	return label
}

// valueAt is the value of a list that an index such as [2] stands for.
func valueAt(flag *pflag.Flag, rest string) (value, after string, ok bool) {
	number, after, ok := strings.Cut(strings.TrimPrefix(rest, "["), "]")
	at, err := strconv.Atoi(number)
	list, is := flag.Value.(pflag.SliceValue)
	if !ok || err != nil || !is {
		return "", rest, false
	}
	values := withoutEmpty(list.GetSlice())
	if at >= len(values) {
		return "", rest, false
	}
	return values[at], after, true
}

// sourceOf names a flag, and where it says to read if that is elsewhere.
func sourceOf(flag, value string) string {
	switch {
	case value == "-":
		return "--" + flag + " - (standard input)"
	case strings.HasPrefix(value, "@"):
		return "--" + flag + " " + value
	default:
		return "--" + flag
	}
}
