package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/pprof"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/waybillhq/waybill/internal/app"
	"github.com/waybillhq/waybill/internal/bench"
	"github.com/waybillhq/waybill/internal/config"
	"github.com/waybillhq/waybill/postback"
)

// benchFlags are what a run can choose beside its options.
type benchFlags struct {
	options bench.Options
	waiting int
	dataDir string // of a running server
	profile string
	json    bool
}

func (p *program) benchCommand() *cobra.Command {
	flags := benchFlags{options: bench.Defaults()}
	cmd := &cobra.Command{
		Use: "bench [flags] [-- SERVE-FLAGS]", Short: "Measure an engine under load, on this machine",
		Long: `Send events to an engine, receive its deliveries, and report how many were accepted and
delivered in what time, and what that took of processor and memory.

The engine is started as a process of its own, with its data in a temporary directory;
what stands after -- are settings of it, as for "waybill serve". --server measures a
running one instead, which must allow 127.0.0.0/8 to be reached (--egress-allow); its
endpoints are deleted at the end, its history stays. Load, receiver and engine share
this machine, and nothing leaves it: other addresses are refused.

The exit code is 1 when a delivery is missing or a signature is invalid.`,
		Example: `  waybill bench
  waybill bench --batch 100 --events 100000
  waybill bench --rate 20 --duration 30s --concurrency 4
  waybill bench --waiting 100000 --redis redis://127.0.0.1:6379/9
  waybill bench --redis redis://127.0.0.1:6379/9 --database postgres://waybill@127.0.0.1/bench
  waybill bench --events 50000 -- --deliver-concurrency 64
  waybill bench isolation`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if before := cmd.ArgsLenAtDash(); len(args) > 0 && before != 0 {
				return usagef("%q is one argument too many; settings of the engine go after --", args[0])
			}
			flags.options.Settings = args
			return p.bench(cmd, &flags)
		},
	}
	flags.add(cmd)
	completeBenchScheme(cmd)
	cmd.AddCommand(p.benchIsolationCommand(), p.benchEngineCommand())
	return cmd
}

// completeBenchScheme offers the schemes that a run can use.
func completeBenchScheme(cmd *cobra.Command) {
	_ = cmd.RegisterFlagCompletionFunc("scheme", cobra.FixedCompletions(bench.Schemes(), cobra.ShellCompDirectiveNoFileComp))
}

func benchSchemeUsage() string {
	return "`SCHEME` scheme of the endpoints: " + postback.Listed(bench.Schemes(), " or ")
}

func (f *benchFlags) add(cmd *cobra.Command) {
	add, o := cmd.Flags(), &f.options
	add.SortFlags = false
	add.IntVar(&o.Events, "events", o.Events, "`COUNT` events to send; with --duration no limit unless given")
	durationFlag(add, &o.Duration, "duration", "how long to send (default: until all events are sent)")
	numberVar(add, &o.Rate, "rate", "`RATE` maximum events per second; 0: no limit")
	add.IntVar(&o.Concurrency, "concurrency", o.Concurrency, "`COUNT` maximum requests in flight at once")
	add.IntVar(&o.Batch, "batch", o.Batch, "`COUNT` events in a request; 1 sends each to POST /v1/events")
	add.IntVar(&o.Endpoints, "endpoints", o.Endpoints, "`COUNT` endpoints that the events are spread over")
	add.StringVar(&o.Scheme, "scheme", o.Scheme, benchSchemeUsage())
	durationFlag(add, &o.ReceiverDelay, "receiver-delay", "how long the receiver takes to answer")
	add.BoolVar(&o.Verify, "verify", false, "verify every signature")
	durationFlag(add, &o.Patience, "patience", "time without any delivery after which the rest counts as missing")
	add.IntVar(&f.waiting, "waiting", 0, "`COUNT` measure the memory of so many waiting deliveries, whose endpoints are paused")
	add.BoolVar(&o.ReceiverDown, "receiver-down", false, "with --waiting: the receiver answers 503 instead")
	add.StringVar(&o.Redis, "redis", "", "`URL` empty Redis database for the queue (default: embedded); with --server the one it uses")
	add.StringVar(&o.Database, "database", "", "`URL` empty PostgreSQL database for the ledger, with --redis (default: embedded); its tables stay")
	add.StringVar(&o.Server, "server", "", "`URL` running server on this machine (default: one is started)")
	add.StringVar(&o.Key, "api-key", "", "`KEY` with --server: its admin key [$"+keyEnv+"] (default: the one in DATA_DIR/admin.key)")
	add.StringVar(&f.dataDir, "data-dir", "", "`DIRECTORY` with --server: its data directory, for its admin.key [$WAYBILL_DATA_DIR]")
	add.IntVar(&o.PID, "pid", 0, "`PID` with --server: its process id, to read what it uses")
	add.StringVar(&f.profile, "profile", "", "`DIRECTORY` write cpu.pprof and heap.pprof of the engine that is started there")
	jsonFlag(cmd, &f.json)
}

func (p *program) bench(cmd *cobra.Command, flags *benchFlags) error {
	if err := p.completeBench(cmd, flags); err != nil {
		return err
	}
	if err := flags.options.Validate(); err != nil {
		return usagef("--%v", err)
	}
	if err := checkSettings(flags.options.Settings); err != nil {
		return err
	}
	if err := p.prepareDatabase(cmd.Context(), flags.options.Database); err != nil {
		return err
	}
	report, err := bench.Run(cmd.Context(), flags.options)
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	if flags.json {
		err = p.printJSON(report)
	} else {
		err = report.WriteText(p.out)
	}
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	return verdict(report)
}

// checkSettings refuses settings that the engine would refuse.
func checkSettings(settings []string) error {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	config.AddFlags(flags)
	err := flags.Parse(settings)
	if err == nil {
		_, err = config.Load(flags, nil)
	}
	if err != nil {
		return usagef("after --: %v", err)
	}
	return nil
}

// prepareDatabase makes the tables of a run in an empty database.
func (p *program) prepareDatabase(ctx context.Context, url string) error {
	if url == "" {
		return nil
	}
	settings := config.Default()
	settings.Database = url
	from, _, err := app.Migrate(ctx, settings, newLogger(p.err, settings))
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	if from != 0 {
		return errors.New("bench: --database holds a ledger already; give the run an empty database of its own")
	}
	return nil
}

// completeBench fills in what follows from the flags that were given.
func (p *program) completeBench(cmd *cobra.Command, flags *benchFlags) (err error) {
	o := &flags.options
	if flags.waiting != 0 {
		o.Waiting, o.Events = true, flags.waiting
	}
	if o.ReceiverDown && !o.Waiting {
		return usagef("--receiver-down belongs to --waiting")
	}
	if o.Duration > 0 && !cmd.Flags().Changed("events") && !o.Waiting {
		o.Events = bench.MaxEvents
	}
	if o.Server != "" {
		if flags.profile != "" {
			return usagef("--profile belongs to an engine that is started, not to --server")
		}
		if o.Key = firstOf(o.Key, p.getenv(keyEnv)); o.Key == "" {
			o.Key, err = readAdminKey(firstOf(flags.dataDir, config.DataDir(p.environ)))
		}
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	o.Program = benchEngine(self, flags.profile)
	return nil
}

// benchEngine is the command that starts an engine to measure.
func benchEngine(self, profile string) []string {
	command := []string{self, "bench", "engine"}
	if profile != "" {
		command = append(command, "--profile", profile)
	}
	return command
}

// verdict fails a run in which something went wrong.
func verdict(report bench.Report) error {
	if report.Waiting == nil && report.Deliveries.Missing > 0 {
		return fmt.Errorf("bench: %d of %d deliveries did not arrive", report.Deliveries.Missing, report.Events.Accepted)
	}
	if report.Deliveries.Forged > 0 {
		return fmt.Errorf("bench: %d signatures are invalid", report.Deliveries.Forged)
	}
	return nil
}

// benchEngineCommand is "waybill serve" for a bench: it ends with the process
// that started it, and can profile itself.
func (p *program) benchEngineCommand() *cobra.Command {
	cmd := p.serveCommand()
	cmd.Use, cmd.Short, cmd.Hidden = "engine", "Serve until standard input ends", true
	profile := cmd.Flags().String("profile", "", "`DIRECTORY` write profiles there")
	serve := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, cancel := context.WithCancel(cmd.Context())
		defer cancel()
		cmd.SetContext(ctx)
		go func() { // ends with standard input, or with the process
			_, _ = io.Copy(io.Discard, p.in)
			cancel()
		}()
		if *profile == "" {
			return serve(cmd, args)
		}
		return profiled(ctx, *profile, func() error { return serve(cmd, args) })
	}
	return cmd
}

// profiled profiles the processor while serve runs, and the memory when it
// stops.
func profiled(ctx context.Context, dir string, serve func() error) error {
	cpu, err := os.Create(filepath.Join(dir, "cpu.pprof"))
	if err != nil {
		return fmt.Errorf("make profile: %w", err)
	}
	heap, err := os.Create(filepath.Join(dir, "heap.pprof"))
	if err != nil {
		return errors.Join(fmt.Errorf("make profile: %w", err), cpu.Close())
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return errors.Join(fmt.Errorf("start profile: %w", err), cpu.Close(), heap.Close())
	}
	written := make(chan error, 1)
	dump := context.AfterFunc(ctx, func() { written <- pprof.WriteHeapProfile(heap) })
	err = serve()
	pprof.StopCPUProfile()
	if !dump() {
		err = errors.Join(err, <-written)
	}
	return errors.Join(err, cpu.Close(), heap.Close())
}
