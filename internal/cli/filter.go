package cli

import (
	"errors"
	"fmt"
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
	query   client.DeliveryFilter
	offered []postback.State
	states  []string
	reasons []string
}

// add adds the flags; note says of the states, which are those that the command
// takes, what happens without them.
func (f *filterFlags) add(cmd *cobra.Command, offered []postback.State, note string) {
	flags := cmd.Flags()
	f.offered = offered
	listVar(flags, &f.states, "state", "`STATE,...` only those in these states: "+postback.Listed(offered, ", ")+note)
	flags.Var(&f.query.Endpoint, "endpoint", "`ENDPOINT` only those to this endpoint")
	flags.Var(&f.query.Publisher, "publisher", "`PUBLISHER` only those of this publisher")
	flags.Var(&f.query.Event, "event", "`EVENT` only those of this event")
	flags.Var(&f.query.Type, "type", "`PATTERN` only those whose event type matches")
	flags.Var(&f.query.Reference, "reference", "`REFERENCE` only those with this reference, such as the transaction's id (docs/schemes.md says which)")
	listVar(flags, (*[]string)(&f.query.StatusCode), "status-code", "`STATUS,...` only those whose last answer had one of these HTTP statuses, such as 503, or a class such as 5xx")
	listVar(flags, (*[]string)(&f.query.Error), "error", "`CODE,...` only those whose last error has one of these codes, such as timeout (docs/operations.md lists them)")
	listVar(flags, &f.reasons, "reason", "`REASON,...` only those that wait or ended for one of these reasons, such as attempts_exhausted")
	spanFlags(cmd, &f.query.Since, &f.query.Until)
	filters(cmd, f.names()...)
}

// names are the flags that pick.
func (f *filterFlags) names() []string {
	return []string{"state", "endpoint", "publisher", "event", "type", "reference", "status-code", "error", "reason", "since", "until"}
}

func (f *filterFlags) given(cmd *cobra.Command) bool {
	return slices.ContainsFunc(f.names(), cmd.Flags().Changed)
}

// read makes the filter of the flags that are given, with the times that they mean
// now.
func (f *filterFlags) read() (client.DeliveryFilter, error) {
	filter := f.query
	for _, name := range f.states {
		state := postback.State(name)
		if !slices.Contains(f.offered, state) {
			return filter, usagef("invalid --state %q: use %s", name, postback.Listed(f.offered, " or "))
		}
		filter.States = append(filter.States, state)
	}
	for _, name := range f.reasons {
		filter.Reason = append(filter.Reason, postback.Reason(name))
	}
	picked, err := filter.Read("", time.Now().UTC())
	if refused, ok := errors.AsType[*postback.Error](err); ok {
		return filter, usagef("--%s: %s", strings.ReplaceAll(refused.Field, "_", "-"), refused.Message)
	}
	filter.Since, filter.Until = postback.GivenTime(picked.Since), postback.GivenTime(picked.Until)
	return filter, nil
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
		if picks && kindOf(flag.Value) == "bool" && value == "false" {
			err = usagef("--%s=false filters nothing: leave it out", flag.Name)
		}
	})
	return err
}

// spanFlags adds the bounds of a range of time.
func spanFlags(cmd *cobra.Command, since, until *postback.Text) {
	cmd.Flags().Var(since, "since", "`TIME` only those from this time on: "+timeForms)
	cmd.Flags().Var(until, "until", "`TIME` only those before this time: "+timeForms)
	filters(cmd, "since", "until")
}

// readSpan reads the bounds of a range of time.
func readSpan(since, until postback.Text) (from, to client.Time, err error) {
	from.Time, to.Time, err = postback.ReadSpan("", since, until, time.Now().UTC())
	if err != nil {
		err = fmt.Errorf("read range of time: %w", err)
	}
	return from, to, err
}
