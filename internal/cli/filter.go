package cli

import (
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// filterFlags pick deliveries, for listing, export and replay alike.
type filterFlags struct {
	states     []string
	texts      map[string]*string // by flag
	statusCode int
	span       timeSpan
}

func (f *filterFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&f.states, "state", nil, "only those in these `STATES`: pending, retrying, parked, succeeded, dead, cancelled")
	f.texts = map[string]*string{
		"endpoint":  flags.String("endpoint", "", "only those to this `ENDPOINT`"),
		"publisher": flags.String("publisher", "", "only those of this `PUBLISHER`"),
		"event":     flags.String("event", "", "only those of this `EVENT`"),
		"type":      flags.String("type", "", "only those whose event type matches this `PATTERN`"),
		"reference": flags.String("reference", "", "only those with this `REFERENCE`, such as the transaction's id (docs/schemes.md says which)"),
	}
	flags.IntVar(&f.statusCode, "status-code", 0, "only those whose last answer had this HTTP `STATUS`")
	f.span.add(cmd)
	filters(cmd, f.names()...)
}

// names are the flags that pick.
func (f *filterFlags) names() []string {
	return []string{"state", "endpoint", "publisher", "event", "type", "reference", "status-code", "since", "until"}
}

func (f *filterFlags) given(cmd *cobra.Command) bool {
	return slices.ContainsFunc(f.names(), cmd.Flags().Changed)
}

// read makes the filter of the flags that are given.
func (f *filterFlags) read(cmd *cobra.Command) (client.DeliveryFilter, error) {
	given := func(name string) *string {
		if !cmd.Flags().Changed(name) {
			return nil
		}
		return f.texts[name]
	}
	filter := client.DeliveryFilter{
		Endpoint: given("endpoint"), Publisher: given("publisher"), Event: given("event"), Type: given("type"), Reference: given("reference"),
	}
	for _, name := range f.states {
		state := postback.State(name)
		if !slices.Contains(postback.States(), state) {
			return filter, usagef("invalid --state %q: use pending, retrying, parked, succeeded, dead or cancelled", name)
		}
		filter.States = append(filter.States, state)
	}
	if cmd.Flags().Changed("status-code") {
		if f.statusCode < 100 || f.statusCode > 599 {
			return filter, usagef("invalid --status-code %d: use a status from 100 to 599", f.statusCode)
		}
		filter.StatusCode = &f.statusCode
	}
	since, until, err := f.span.read()
	if !since.IsZero() {
		filter.Since = &since
	}
	if !until.IsZero() {
		filter.Until = &until
	}
	return filter, err
}

// filterMark annotates the flags that pick.
const filterMark = "waybill_filter"

// filters marks flags that pick: one that is given and picks nothing is refused,
// as a filter that is dropped picks too much.
func filters(cmd *cobra.Command, names ...string) { mark(cmd, filterMark, names) }

// checkFilters refuses filters that are given and filter nothing.
func checkFilters(cmd *cobra.Command) (err error) {
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		_, picks := flag.Annotations[filterMark]
		value := flag.Value.String()
		if picks && flag.Value.Type() == "bool" && value == "false" {
			err = usagef("--%s=false filters nothing: leave it out", flag.Name)
		}
	})
	return err
}

// timeSpan is from --since to --until.
type timeSpan struct{ since, until string }

func (s *timeSpan) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.since, "since", "", "only those from this `TIME` on: RFC 3339, a date, or an age such as 90m, 7d or 1w")
	cmd.Flags().StringVar(&s.until, "until", "", "only those before this `TIME`")
	filters(cmd, "since", "until")
}

func (s *timeSpan) read() (since, until client.Time, err error) {
	now := time.Now().UTC()
	if since.Time, err = timeFlag("since", s.since, now, time.Time{}); err != nil {
		return since, until, err
	}
	until.Time, err = timeFlag("until", s.until, now, time.Time{})
	return since, until, err
}
