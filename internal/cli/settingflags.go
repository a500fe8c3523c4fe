package cli

import (
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/waybillhq/waybill/postback"
)

// settingFlag is the flag that gives a setting of an endpoint as a whole.
type settingFlag struct {
	name    string
	setting string // what it gives, by its name in the API
	clears  bool   // its empty value removes what is there
	add     func(flags *pflag.FlagSet, name, usage string) settingValue
	usage   string
}

// settingValue is what a flag gives, once it is read.
type settingValue func() (any, error)

// settingFlags are those flags, in the order of the help. Settings that several
// flags give have files of their own.
func settingFlags() []settingFlag {
	return []settingFlag{
		{"url", "url", false, textFlag, "`URL` the publisher's URL, with macros where the scheme has them"},
		{"method", "method", false, textFlag, "`METHOD` HTTP method (default: the scheme's own)"},
		{"event-type", "event_types", true, listFlag, "`PATTERN` event types to send, such as conversion.* (repeatable; none: every type)"},
		{"header", "headers", true, headersFlag, "`'NAME: VALUE'` header to send as well (repeatable)"},
		{"allow-empty", "allow_empty", true, listFlag, "`MACRO` macro of the URL, such as REF, that events may leave without a value (repeatable; '*': every macro)"},
		{"timeout", "timeout", false, lengthFlag, "time limit for one attempt, up to 60s (default 15s)"},
		{"description", "description", true, textFlag, "`TEXT` what the endpoint is for"},
		{"success-statuses", "success_statuses", true, statusesFlag, "`STATUS,...` statuses from 200 to 299 that count as success, such as 200,204, where the scheme lets receivers choose (default: 200 alone)"},
		{"max-in-flight", "max_in_flight", false, numberFlag, "`COUNT` maximum attempts in flight at once from each process; 0: none of its own (default: the server's --max-in-flight)"},
		{"order-by", "order_by", true, textFlag, "`FIELD` field of the events' data, such as tx: deliveries with the same value are sent one after another"},
	}
}

func textFlag(flags *pflag.FlagSet, name, usage string) settingValue {
	value := flags.String(name, "", usage)
	return func() (any, error) { return *value, nil }
}

func numberFlag(flags *pflag.FlagSet, name, usage string) settingValue {
	value := flags.Int(name, 0, usage)
	return func() (any, error) { return *value, nil }
}

func listFlag(flags *pflag.FlagSet, name, usage string) settingValue {
	value := new([]string)
	listVar(flags, value, name, usage)
	return func() (any, error) { return append([]string{}, *value...), nil } // of none no null
}

func statusesFlag(flags *pflag.FlagSet, name, usage string) settingValue {
	value := new([]string)
	listVar(flags, value, name, usage)
	return func() (any, error) { return statuses(name, "204", *value) } // of none, null
}

func lengthFlag(flags *pflag.FlagSet, name, usage string) settingValue {
	value := new(time.Duration)
	durationFlag(flags, value, name, usage)
	return func() (any, error) { return postback.Duration(*value), nil }
}

// headersFlag reads headers. Each name is given once.
func headersFlag(flags *pflag.FlagSet, name, usage string) settingValue {
	value := flags.StringArray(name, nil, usage)
	return func() (any, error) {
		parsed, err := parseHeaders(withoutEmpty(*value))
		return flatten(parsed), err
	}
}

// endpointFlags are what can be said of an endpoint when it is made and when it is
// changed.
type endpointFlags struct {
	values map[string]settingValue // by the name of the flag
	retry  retryFlags
	expect expectFlags
	rate   rateFlags
	json   bool
}

func (f *endpointFlags) add(cmd *cobra.Command) {
	cmd.Flags().SortFlags = false
	f.values = map[string]settingValue{}
	for _, flag := range settingFlags() {
		f.values[flag.name] = flag.add(cmd.Flags(), flag.name, flag.usage)
	}
	f.retry.add(cmd)
	f.expect.add(cmd)
	f.rate.add(cmd)
	jsonFlag(cmd, &f.json)
}

// settingsClear marks the flags whose empty value removes what an endpoint has.
func settingsClear(cmd *cobra.Command) {
	clears(cmd, "retry-schedule", "retry-on", "stop-on", "expect")
	for _, flag := range settingFlags() {
		if flag.clears {
			clears(cmd, flag.name)
		}
	}
}

// patch is what the flags say of an endpoint, whose settings are read where a flag
// changes a part of one.
func (f *endpointFlags) patch(cmd *cobra.Command, current func() (postback.EndpointSettings, error)) (postback.EndpointPatch, error) {
	patch := postback.EndpointPatch{}
	for _, flag := range settingFlags() {
		if !cmd.Flags().Changed(flag.name) {
			continue
		}
		value, err := f.values[flag.name]()
		if err != nil {
			return nil, err
		}
		patch[flag.setting] = value
	}
	limit, err := f.rate.over(cmd, current)
	if err != nil {
		return nil, err
	}
	policy, err := f.retry.over(cmd, current)
	if err != nil {
		return nil, err
	}
	expected, err := f.expect.read(cmd)
	if err != nil {
		return nil, err
	}
	put(patch, "rate_limit", limit)
	put(patch, "retry", policy)
	put(patch, "expect", expected)
	return patch, nil
}

// put changes a setting to what was asked for; nil is nothing.
func put[T any](patch postback.EndpointPatch, setting string, asked *T) {
	if asked != nil {
		patch[setting] = *asked
	}
}

// settings are what the flags say of a new endpoint.
func (f *endpointFlags) settings(cmd *cobra.Command) (settings postback.EndpointSettings, err error) {
	if err := refuseZero(cmd, "timeout"); err != nil {
		return settings, err
	}
	patch, err := f.patch(cmd, func() (none postback.EndpointSettings, _ error) { return none, nil })
	if err != nil {
		return settings, err
	}
	return patch.Over(settings) //nolint:wrapcheck // it names the setting
}

func withoutEmpty(texts []string) []string {
	kept := []string{}
	for _, text := range texts {
		if strings.TrimSpace(text) != "" {
			kept = append(kept, text)
		}
	}
	return kept
}
