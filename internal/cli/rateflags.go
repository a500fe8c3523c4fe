package cli

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// rateFlags spell how often an endpoint is sent to.
type rateFlags struct {
	rate  float64
	burst int
}

func (f *rateFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	numberVar(flags, &f.rate, "rate-limit", "`RATE` maximum attempts per second across all processes, such as 20 or 0.5; 0: no limit")
	flags.IntVar(&f.burst, "rate-burst", 0, "`COUNT` with --rate-limit: attempts that may start at once (default: one second's worth, or the endpoint's own)")
}

// limit is the limit that was asked for: nil when no flag was given, and a
// pointer to nil when it is to be removed.
func (f *rateFlags) limit(cmd *cobra.Command) (**postback.RateLimit, error) {
	if err := refuseZero(cmd, "rate-burst"); err != nil {
		return nil, err
	}
	rate, burst := cmd.Flags().Changed("rate-limit"), cmd.Flags().Changed("rate-burst")
	switch {
	case burst && (!rate || f.rate == 0):
		return nil, usagef("--rate-burst goes with --rate-limit")
	case !rate:
		return nil, nil //nolint:nilnil // nothing was asked for
	case f.rate == 0:
		return new(*postback.RateLimit), nil
	default:
		limit := &postback.RateLimit{PerSecond: f.rate, Burst: f.burst}
		return &limit, nil
	}
}

// over is the limit that follows the one of an endpoint: another rate keeps a burst
// of its own.
func (f *rateFlags) over(cmd *cobra.Command, current func() (postback.EndpointSettings, error)) (**postback.RateLimit, error) {
	limit, err := f.limit(cmd)
	if err != nil || limit == nil || *limit == nil || cmd.Flags().Changed("rate-burst") {
		return limit, err
	}
	before, err := current()
	if err == nil && before.RateLimit != nil && before.RateLimit.HasOwnBurst() {
		(*limit).Burst = before.RateLimit.Burst
	}
	return limit, err
}

// paceLine says what bounds how fast an endpoint is sent to; empty for nothing
// of its own.
func paceLine(e client.Endpoint) string {
	line := ""
	if e.MaxInFlight > 0 {
		line = strconv.Itoa(e.MaxInFlight) + " at once in each process"
	}
	if e.RateLimit != nil {
		if line != "" {
			line += ", "
		}
		line += fmt.Sprintf("%g a second, %d at once", e.RateLimit.PerSecond, e.RateLimit.Burst)
	}
	return line
}
