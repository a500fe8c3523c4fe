// Package config holds the settings of a Waybill server.
//
// It guarantees that every setting can be given as a flag, as a WAYBILL_
// environment variable or in a YAML file, in that order of precedence; that a
// name nobody knows and a value nobody can use are errors that say where they
// were found and how to mend them; and that a [Config] prints no password and
// no key.
package config

import (
	"log/slog"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"time"
)

// Bounds of settings.
const (
	MaxStoredBody        = 16 << 10
	MaxConcurrency       = 10_000
	MaxConnections       = 1_000 // to the database
	MaxClientConnections = 100_000
	MaxPerPublisher      = 1_000_000
	MaxRequestsPerKey    = 1_000_000
	MaxReplayRate        = 1_000_000
	MaxDrain             = 10 * time.Minute
	MinRetention         = day
	MaxRetention         = 36_500 * day
	MaxDrainDelay        = time.Minute

	MaxDisableAfter    = 365 * day
	MaxDisableFailures = 1_000_000
	MinAlertWindow     = time.Second
	MaxAlertWindow     = time.Hour
)

const day = 24 * time.Hour

// Forms of the log.
const (
	LogText = "text"
	LogJSON = "json"
)

// Config is how a server runs. [Default] gives the one that needs nothing
// installed; [Load] reads what the operator said.
type Config struct {
	Listen string // host:port; port 0 takes a free one
	// HealthListen is the host:port where /healthz, /readyz and /metrics answer
	// without a key; empty for none.
	HealthListen string
	// Connections is how many connections clients of the API may have open,
	// and ConnectionsPerAddress how many of them may come from one address.
	Connections           int
	ConnectionsPerAddress int

	// What each publisher and each key may have; 0 bounds nothing.
	EndpointsPerPublisher int
	ReplaysPerPublisher   int // that run at once
	ReplayRate            int // deliveries per second
	RequestsPerKey        int // a second, of each API process

	DataDir string // holds the embedded ledger, the keyring and the admin key
	// Database is sqlite:PATH or a postgres:// URL; empty is waybill.db in
	// DataDir.
	Database string
	// DatabaseConnections is how many of PostgreSQL this process may have open.
	DatabaseConnections int
	// Redis is the URL of the queue's Redis; empty is the embedded one.
	Redis string
	// Keyring is the path of the keys that seal secrets, or the keys
	// themselves; empty is keyring in DataDir.
	Keyring string

	EgressIPs       []netip.Addr   // at most one of each family; empty lets the host choose
	EgressProxy     *url.URL       // nil for none
	EgressAllow     []netip.Prefix // may be reached though private
	EgressAdvertise []netip.Addr   // told to publishers instead of EgressIPs

	Schemes []string // directories of declared schemes

	LogLevel  slog.Level
	LogFormat string // LogText or LogJSON

	DeliverConcurrency int // first attempts in flight at once
	RetryConcurrency   int // later attempts, and deliveries that were parked, in flight at once
	MaxInFlight        int // attempts to one endpoint in flight at once, unless it has a number of its own
	// MaxInFlightPublisher is how many attempts to all endpoints of one publisher are in flight at once.
	MaxInFlightPublisher int
	DrainDelay           time.Duration // how long a stop waits for others to notice, still serving
	DrainTimeout         time.Duration // how long a stop waits for attempts in flight
	StoredBody           int           // bytes of each response's body that are kept
	Retention            time.Duration // how long history is kept after its end; 0 keeps all of it

	DisableAfter    time.Duration // how long an endpoint may fail without a success before it is disabled; 0: for ever
	DisableFailures int           // in that time, at least
	AlertWindow     time.Duration // between alerts about one endpoint's dead letters
}

// Default is the configuration of a server without settings.
func Default() Config {
	return Config{
		Listen:                "127.0.0.1:8480",
		Connections:           4096,
		ConnectionsPerAddress: 512,
		EndpointsPerPublisher: 1_000,
		ReplaysPerPublisher:   10,
		ReplayRate:            500,
		RequestsPerKey:        5_000,
		DataDir:               "./waybill-data",
		DatabaseConnections:   16,
		LogLevel:              slog.LevelInfo,
		LogFormat:             LogText,
		DeliverConcurrency:    1024,
		RetryConcurrency:      1024,
		MaxInFlight:           16,
		MaxInFlightPublisher:  512,
		DrainTimeout:          30 * time.Second,
		StoredBody:            2 << 10,
		Retention:             90 * day,
		DisableAfter:          3 * day,
		DisableFailures:       20,
		AlertWindow:           time.Minute,
	}
}

// DatabaseURL is Database, or what stands for an empty one.
func (c Config) DatabaseURL() string {
	if c.Database != "" {
		return c.Database
	}
	return "sqlite:" + filepath.Join(c.DataDir, "waybill.db")
}

// KeyringSource is Keyring, or what stands for an empty one.
func (c Config) KeyringSource() string {
	if c.Keyring != "" {
		return c.Keyring
	}
	return filepath.Join(c.DataDir, "keyring")
}

// AdminKeyFile is where the first start writes the admin key.
func (c Config) AdminKeyFile() string { return filepath.Join(c.DataDir, "admin.key") }

// LogValue shows every setting, without passwords and keys.
func (c Config) LogValue() slog.Value {
	all := settings()
	attrs := make([]slog.Attr, 0, len(all))
	for _, s := range all {
		attrs = append(attrs, slog.String(s.key(), s.show(c)))
	}
	return slog.GroupValue(attrs...)
}

// String shows every setting, without passwords and keys.
func (c Config) String() string {
	lines := make([]string, 0, len(settings()))
	for _, s := range settings() {
		lines = append(lines, s.key()+"="+s.show(c))
	}
	return strings.Join(lines, " ")
}
