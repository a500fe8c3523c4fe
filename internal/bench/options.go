package bench

import (
	"fmt"
	"net"
	"net/url"
	"time"
)

// Bounds of a run.
const (
	MaxEvents        = 2_000_000
	MaxDuration      = time.Hour
	MaxConcurrency   = 4096
	MaxBatch         = 1000
	MaxEndpoints     = 1000
	MaxReceiverDelay = time.Minute
	MaxPatience      = 10 * time.Minute
)

// Options say what to send to whom. [Defaults] gives the ones that need no
// more than a Program.
type Options struct {
	// Program is the command that starts an engine: a program and the
	// arguments before its settings, such as "waybill", "serve". Server names
	// a running engine instead.
	Program  []string
	Settings []string // more settings of Program, as flags
	Server   string   // URL on a loopback address
	Key      string   // of Server
	PID      int      // the process at Server, to read what it uses; 0 for unknown

	// Redis is the URL of the queue's Redis: given to Program, or the one that
	// Server uses. Empty is the embedded one, or unknown.
	Redis string
	// Database is the URL of the PostgreSQL ledger that Program is given; empty
	// is the embedded one. It goes with Redis.
	Database string

	Events      int           // to send; with Duration the most to send
	Duration    time.Duration // how long to send; 0 until Events are sent
	Rate        float64       // events per second; 0 is as fast as it goes
	Concurrency int           // requests under way at once
	Batch       int           // events in a request; 1 sends them one by one
	Endpoints   int           // each of a publisher of its own; events take turns
	Scheme      string        // of the endpoints: one of Schemes

	ReceiverDelay time.Duration // how long the receiver thinks
	Verify        bool          // check every signature
	// Patience is how long to wait without any delivery before those that are
	// missing count as lost.
	Patience time.Duration

	// Waiting keeps the deliveries from ending, to see what waiting costs:
	// their endpoints are paused or, with ReceiverDown, answer 503.
	Waiting      bool
	ReceiverDown bool
}

// Defaults is a run of a few seconds.
func Defaults() Options {
	return Options{
		Events: 20_000, Concurrency: 64, Batch: 1, Endpoints: 10, Scheme: defaultScheme, Patience: time.Minute,
	}
}

// Validate says what is wrong with the options, by the names of their flags.
func (o Options) Validate() error {
	if _, err := dialectOf(o.Scheme); err != nil {
		return err
	}
	for _, check := range []struct {
		name       string
		value      int
		least, max int
	}{
		{"events", o.Events, 1, MaxEvents},
		{"concurrency", o.Concurrency, 1, MaxConcurrency},
		{"batch", o.Batch, 1, MaxBatch},
		{"endpoints", o.Endpoints, 1, MaxEndpoints},
	} {
		if check.value < check.least || check.value > check.max {
			return fmt.Errorf("%s: must be from %d to %d", check.name, check.least, check.max)
		}
	}
	for _, check := range []struct {
		name       string
		value, max time.Duration
	}{
		{"duration", o.Duration, MaxDuration},
		{"receiver-delay", o.ReceiverDelay, MaxReceiverDelay},
		{"patience", o.Patience, MaxPatience},
	} {
		if check.value < 0 || check.value > check.max {
			return fmt.Errorf("%s: must be from 0s to %s", check.name, check.max)
		}
	}
	if o.Rate < 0 {
		return fmt.Errorf("rate: must be 0 or more")
	}
	return o.validatePlaces()
}

func (o Options) validatePlaces() error {
	if (o.Server == "") == (len(o.Program) == 0) {
		return fmt.Errorf("server: give the URL of an engine or let one be started, not both")
	}
	if o.Server == "" && o.PID != 0 {
		return fmt.Errorf("pid: belongs to --server")
	}
	if o.Server != "" && len(o.Settings) > 0 {
		return fmt.Errorf("server: a running engine takes no settings")
	}
	if o.Database != "" && (o.Server != "" || o.Redis == "") {
		return fmt.Errorf("database: belongs to an engine that is started, and goes with --redis")
	}
	if err := onLoopback("server", o.Server); err != nil {
		return err
	}
	if err := onLoopback("database", o.Database); err != nil {
		return err
	}
	return onLoopback("redis", o.Redis)
}

// onLoopback refuses an address to which load would leave this machine. It
// does not repeat the URL, which may hold a password.
func onLoopback(name, address string) error {
	if address == "" {
		return nil
	}
	parsed, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("%s: is no URL", name)
	}
	host := parsed.Hostname()
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("%s: must be on this machine, such as 127.0.0.1: load is not sent elsewhere", name)
}
