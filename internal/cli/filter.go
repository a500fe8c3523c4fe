package cli

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// filterFlags pick deliveries, for listing, export and replay alike.
type filterFlags struct {
	states []string
	filter client.DeliveryFilter
	span   timeSpan
}

func (f *filterFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&f.states, "state", nil, "only those in these `STATES`: pending, retrying, parked, succeeded, dead, cancelled")
	flags.StringVar(&f.filter.Endpoint, "endpoint", "", "only those to this `ENDPOINT`")
	flags.StringVar(&f.filter.Publisher, "publisher", "", "only those of this `PUBLISHER`")
	flags.StringVar(&f.filter.Event, "event", "", "only those of this `EVENT`")
	flags.StringVar(&f.filter.Type, "type", "", "only those whose event type matches this `PATTERN`")
	flags.StringVar(&f.filter.Reference, "reference", "", "only those with this `REFERENCE`, such as the transaction's id (docs/schemes.md says which)")
	flags.IntVar(&f.filter.StatusCode, "status-code", 0, "only those whose last answer had this HTTP `STATUS`")
	f.span.add(cmd)
}

// names are the flags that pick.
func (f *filterFlags) names() []string {
	return []string{"state", "endpoint", "publisher", "event", "type", "reference", "status-code", "since", "until"}
}

func (f *filterFlags) given(cmd *cobra.Command) bool {
	return slices.ContainsFunc(f.names(), cmd.Flags().Changed)
}

func (f *filterFlags) read() (client.DeliveryFilter, error) {
	filter := f.filter
	for _, name := range f.states {
		state := postback.State(name)
		if !slices.Contains(postback.States(), state) {
			return filter, usagef("--state %q is none of pending, retrying, parked, succeeded, dead and cancelled", name)
		}
		filter.States = append(filter.States, state)
	}
	var err error
	filter.Since, filter.Until, err = f.span.read()
	return filter, err
}

// timeSpan is from --since to --until.
type timeSpan struct{ since, until string }

func (s *timeSpan) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.since, "since", "", "only those from this `TIME` on: RFC 3339, a date, or how long ago such as 90m or 7d")
	cmd.Flags().StringVar(&s.until, "until", "", "only those before this `TIME`")
}

func (s *timeSpan) read() (since, until client.Time, err error) {
	now := time.Now().UTC()
	if since.Time, err = moment("since", s.since, now); err != nil {
		return since, until, err
	}
	until.Time, err = moment("until", s.until, now)
	return since, until, err
}

// moment reads a point in time, zero for an empty text.
func moment(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if parsed, err := time.Parse(layout, text); err == nil {
			return parsed.UTC(), nil
		}
	}
	if days, found := strings.CutSuffix(text, "d"); found {
		if count, err := strconv.Atoi(days); err == nil && count >= 0 {
			return now.AddDate(0, 0, -count), nil
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	return time.Time{}, usagef("--%s %q is no time; write 2026-01-31T12:00:00Z, 2026-01-31, or how long ago, such as 90m or 7d", flag, text)
}
