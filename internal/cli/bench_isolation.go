package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/internal/bench"
)

// target is what the p99 of healthy endpoints beside bad ones may be at most,
// in times of what it is without.
const target = 1.2

// isolationFlags are what an isolation run can choose beside its plan.
type isolationFlags struct {
	plan     bench.Isolation
	maxRatio float64
	profile  string
	json     bool
}

func (p *program) benchIsolationCommand() *cobra.Command {
	flags := isolationFlags{plan: bench.IsolationDefaults()}
	cmd := &cobra.Command{
		Use: "isolation [flags] [-- SERVE-FLAGS]", Short: "Measure what bad endpoints cost the healthy ones",
		Long: fmt.Sprintf(`Send the same load to healthy endpoints, alone and beside three bad ones: one hangs
until the deadline and gets a share of all traffic (10 %%, then 50 %%), one fails at once,
one answers in 2 s. Report how long the healthy deliveries took from the API's answer
to the receipt of the request with a valid signature, side by side.

Five more phases are scenarios (--scenarios healthy,drip,publisher,replay,burst): 8 more
endpoints that are healthy, which shows what the load alone costs; 8 that
answer 200 and let their bodies drip; one publisher with 64 endpoints that all hang; a replay
of 60,000 deliveries of one endpoint (--replay), which are delivered before the first round;
and one publisher whose events come in one request each second. All but the replay have as
many deliveries as the healthy ones.

The phases take turns in rounds, on one engine of its own; every round has bad endpoints
that are new, so that it begins before their circuits open. Events are sent by the clock,
whatever became of those before. --backlog parks so many deliveries for the endpoint that
hangs first; it is then resumed in every phase but the one without bad endpoints.

The target is a p99 of at most %g times the one alone. The exit code is 1 when a healthy
delivery is missing, came twice or is forged; a ratio counts only with --max-ratio.`, target),
		Example: `  waybill bench isolation
  waybill bench isolation --shares 50 --scenarios drip
  waybill bench isolation --redis redis://127.0.0.1:6379/9
  waybill bench isolation --backlog 1000000 --redis redis://127.0.0.1:6379/9
  waybill bench isolation --duration 2m --rounds 6 --max-ratio 1.2`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if before := cmd.ArgsLenAtDash(); len(args) > 0 && before != 0 {
				return usagef("%q is one argument too many; settings of the engine go after --", args[0])
			}
			flags.plan.Settings = args
			return p.benchIsolation(cmd, &flags)
		},
	}
	flags.add(cmd)
	completeBenchScheme(cmd)
	return cmd
}

func (f *isolationFlags) add(cmd *cobra.Command) {
	add, plan := cmd.Flags(), &f.plan
	add.SortFlags = false
	numberVar(add, &plan.Rate, "rate", "`RATE` events per second for all healthy endpoints together")
	add.IntVar(&plan.Endpoints, "endpoints", plan.Endpoints, "`COUNT` endpoints, three of them bad")
	add.IntSliceVar(&plan.Shares, "shares", plan.Shares, "`PERCENT,...` shares of all traffic that the endpoint that hangs gets, a phase for each")
	listVar(add, &plan.Scenarios, "scenarios", "`NAME,...` scenarios, a phase for each: healthy, drip, publisher, replay, burst")
	add.IntVar(&plan.Replay, "replay", plan.Replay, "`COUNT` deliveries of one endpoint that the scenario replay replays")
	durationFlag(add, &plan.Duration, "duration", "how long to measure each phase, over all rounds")
	add.IntVar(&plan.Rounds, "rounds", plan.Rounds, "`COUNT` rounds of each phase")
	durationFlag(add, &plan.Deadline, "deadline", "time limit for an attempt to the endpoint that hangs")
	durationFlag(add, &plan.Slow, "slow", "how long the slow endpoint takes to answer")
	add.IntVar(&plan.MaxInFlight, "max-in-flight", 0, "`COUNT` in-flight limit of the endpoint that hangs (default: the engine's)")
	add.IntVar(&plan.Backlog, "backlog", plan.Backlog, "`COUNT` park so many deliveries of the endpoint that hangs first")
	add.StringVar(&plan.Scheme, "scheme", plan.Scheme, benchSchemeUsage())
	durationFlag(add, &plan.Patience, "patience", "time without any delivery after which the rest counts as missing")
	numberVar(add, &f.maxRatio, "max-ratio", "`FACTOR` fail when a p99 is more than so many times that of the healthy endpoints alone")
	add.StringVar(&plan.Redis, "redis", "", "`URL` empty Redis database for the queue (default: embedded)")
	add.StringVar(&plan.Database, "database", "", "`URL` empty PostgreSQL database for the ledger, with --redis (default: embedded); its tables stay")
	add.StringVar(&f.profile, "profile", "", "`DIRECTORY` write cpu.pprof and heap.pprof of the engine there")
	jsonFlag(cmd, &f.json)
}

func (p *program) benchIsolation(cmd *cobra.Command, flags *isolationFlags) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	flags.plan.Program = benchEngine(self, flags.profile)
	if flags.maxRatio < 0 {
		return usagef("--max-ratio: must be 0 or more")
	}
	if err := flags.plan.Validate(); err != nil {
		return usagef("--%v", err)
	}
	if err := checkSettings(flags.plan.Settings); err != nil {
		return err
	}
	if err := p.prepareDatabase(cmd.Context(), flags.plan.Database); err != nil {
		return err
	}
	report, err := bench.RunIsolation(cmd.Context(), flags.plan)
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	if flags.json {
		err = p.printJSON(report)
	} else if err = report.WriteText(p.out); err == nil {
		p.printf("%s\n", met(report))
	}
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	if err := report.Verdict(flags.maxRatio); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	return nil
}

// met reports whether the target was.
func met(report bench.IsolationReport) string {
	words := "met"
	if report.Worst() > target {
		words = "NOT met"
	}
	return fmt.Sprintf("target (p99 at most %g x alone): %s, %.2f x at worst", target, words, report.Worst())
}
