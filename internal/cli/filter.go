package cli

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// filterFlags pick deliveries, for listing, export and replay alike.
type filterFlags struct {
	offered    []postback.State
	states     []string
	texts      map[string]*string // by flag
	statusCode int
	span       timeSpan
}

// add adds the flags; note says of the states, which are those that the command
// takes, what happens without them.
func (f *filterFlags) add(cmd *cobra.Command, offered []postback.State, note string) {
	flags := cmd.Flags()
	f.offered = offered
	flags.StringSliceVar(&f.states, "state", nil, "only those in these `STATES`: "+joinStates(offered, ", ")+note)
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
		if !slices.Contains(f.offered, state) {
			return filter, usagef("invalid --state %q: use %s", name, joinStates(f.offered, " or "))
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

// joinStates lists states, with a word of its own before the last one.
func joinStates(states []postback.State, last string) string {
	texts := make([]string, 0, len(states))
	for _, state := range states {
		texts = append(texts, string(state))
	}
	end := len(texts) - 1
	if end == 0 {
		return texts[0]
	}
	return strings.Join(texts[:end], ", ") + last + texts[end]
}

// endedStates are those of deliveries that can be replayed.
func endedStates() []postback.State {
	return slices.DeleteFunc(postback.States(), func(s postback.State) bool { return !s.Ended() })
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
	cmd.Flags().StringVar(&s.since, "since", "", "only those from this `TIME` on: "+timeForms)
	cmd.Flags().StringVar(&s.until, "until", "", "only those before this `TIME`: "+timeForms)
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
