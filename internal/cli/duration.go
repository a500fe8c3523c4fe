package cli

import (
	"errors"
	"time"

	"github.com/spf13/pflag"

	"github.com/waybillhq/waybill/postback"
)

// durationFlag adds a flag that is a length of time, with the value that it has
// as long as it is not given.
func durationFlag(flags *pflag.FlagSet, into *time.Duration, name, usage string) {
	flags.Var((*duration)(into), name, usage)
}

// duration reads a length of time as all of Waybill does.
type duration time.Duration

func (d *duration) Type() string { return "DURATION" }

// String is the value as the help shows it. Nothing is shown of zero.
func (d *duration) String() string {
	if *d == 0 {
		return ""
	}
	return postback.FormatAge(time.Duration(*d))
}

func (d *duration) Set(text string) error {
	length, err := postback.ParseAge(text)
	if err != nil || length < 0 {
		return errors.New(postback.UseAge)
	}
	*d = duration(length)
	return nil
}

// badFlag words what the library says of a flag as all other bad usage.
func badFlag(err error) error {
	invalid, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return usagef("%v", err)
	}
	flag := invalid.GetFlag()
	if blank(invalid.GetValue()) {
		return emptyFlag(flag)
	}
	use := invalid.Unwrap().Error()
	switch kindOf(flag.Value) {
	case "int":
		use = "use a whole number"
	case "intSlice":
		use = "use whole numbers, separated by commas"
	case "float64":
		use = "use a number"
	case "bool":
		use = "use true or false"
	}
	return usagef("invalid --%s %q: %s", flag.Name, invalid.GetValue(), use)
}

// timeForms say in the help what postback.ParseWhen reads.
const timeForms = "RFC 3339 (2026-01-31T12:00:00Z), a date in UTC, or an age such as 90m, 7d or 1w"

// timeFlag reads the value of a flag that is a point in time, or takes the
// fallback when it is not given.
func timeFlag(flag, text string, now, fallback time.Time) (time.Time, error) {
	if text == "" {
		return fallback, nil
	}
	at, err := postback.ParseWhen(text, now)
	if err != nil {
		return fallback, usagef("--%s: %v", flag, err)
	}
	return at, nil
}
