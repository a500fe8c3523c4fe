package config

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/waybillhq/waybill/postback"
)

const envPrefix = "WAYBILL_"

// setting is one thing that an operator can choose.
type setting struct {
	name        string // of the flag; the other names follow from it
	placeholder string // what the help calls its value
	usage       string
	list        bool // may be given more than once
	// parse reads the values of a setting that was given: exactly one, or any
	// number for a list. Its error says what would be right, and repeats a
	// value only where no password can be.
	parse func(c *Config, values []string) error
	// show prints the value without passwords and keys.
	show func(c Config) string
}

func (s setting) key() string { return strings.ReplaceAll(s.name, "-", "_") }
func (s setting) env() string { return envPrefix + strings.ToUpper(s.key()) }

// settings lists every setting in the order of the help.
func settings() []setting {
	return slices.Concat(placeSettings(), clientSettings(), egressSettings(), paceSettings(), runSettings(), alertSettings())
}

func placeSettings() []setting {
	return []setting{
		{
			name: "listen", placeholder: "ADDRESS",
			usage: "host and port of the API; port 0 takes a free one",
			parse: func(c *Config, v []string) error { return parseListen(&c.Listen, v[0]) },
			show:  func(c Config) string { return c.Listen },
		},
		{
			name: "health-listen", placeholder: "ADDRESS",
			usage: "host and port of /healthz, /readyz and /metrics, for a private network: no key is asked for (default: none)",
			parse: func(c *Config, v []string) error { return parseListen(&c.HealthListen, v[0]) },
			show:  func(c Config) string { return c.HealthListen },
		},
		{
			name: "data-dir", placeholder: "DIRECTORY",
			usage: "where the embedded ledger, the keyring and the admin key live",
			parse: func(c *Config, v []string) error { c.DataDir = v[0]; return nil },
			show:  func(c Config) string { return c.DataDir },
		},
		{
			name: "database", placeholder: "LEDGER",
			usage: "the ledger: sqlite:PATH or postgres://USER@HOST/NAME (default sqlite:DATA_DIR/waybill.db)",
			parse: func(c *Config, v []string) error { return parseDatabase(&c.Database, v[0]) },
			show:  func(c Config) string { return redactURL(c.Database) },
		},
		{
			name: "database-connections", placeholder: "COUNT",
			usage: "connections to PostgreSQL that this process may have open",
			parse: func(c *Config, v []string) error {
				return parseCount(&c.DatabaseConnections, v[0], 2, MaxConnections)
			},
			show: func(c Config) string { return strconv.Itoa(c.DatabaseConnections) },
		},
		{
			name: "redis", placeholder: "URL",
			usage: "the queue's Redis: redis://, redis-sentinel://, redis-cluster://, or rediss... for TLS (default: embedded)",
			parse: func(c *Config, v []string) error { return parseRedis(&c.Redis, v[0]) },
			show:  func(c Config) string { return redactURL(c.Redis) },
		},
		{
			name: "keyring", placeholder: "FILE",
			usage: "keys that seal publishers' secrets; created at the first start (default DATA_DIR/keyring)",
			parse: func(c *Config, v []string) error { c.Keyring = v[0]; return nil },
			show:  func(c Config) string { return presence(c.Keyring) },
		},
	}
}

func egressSettings() []setting {
	return []setting{
		{
			name: "egress-ip", placeholder: "ADDRESS", list: true,
			usage: "send from this address only: one IPv4, one IPv6, or one of each",
			parse: func(c *Config, v []string) error { return parseEgressIPs(&c.EgressIPs, v) },
			show:  func(c Config) string { return join(c.EgressIPs, netip.Addr.String) },
		},
		{
			name: "egress-proxy", placeholder: "URL",
			usage: "send through this proxy: socks5:// or http://",
			parse: func(c *Config, v []string) error { return parseProxy(&c.EgressProxy, v[0]) },
			show:  func(c Config) string { return showProxy(c.EgressProxy) },
		},
		{
			name: "egress-allow", placeholder: "CIDR", list: true,
			usage: "allow private or local targets; our own addresses only by their own /32 or /128",
			parse: func(c *Config, v []string) error { return parsePrefixes(&c.EgressAllow, v) },
			show:  func(c Config) string { return join(c.EgressAllow, netip.Prefix.String) },
		},
		{
			name: "egress-advertise", placeholder: "ADDRESS", list: true,
			usage: "addresses to show publishers, when requests reach them from others than --egress-ip",
			parse: func(c *Config, v []string) error { return parseAddresses(&c.EgressAdvertise, v) },
			show:  func(c Config) string { return join(c.EgressAdvertise, netip.Addr.String) },
		},
	}
}

func paceSettings() []setting {
	return []setting{
		{
			name: "deliver-concurrency", placeholder: "COUNT",
			usage: "first attempts in flight at once in this process",
			parse: func(c *Config, v []string) error {
				return parseCount(&c.DeliverConcurrency, v[0], 1, MaxConcurrency)
			},
			show: func(c Config) string { return strconv.Itoa(c.DeliverConcurrency) },
		},
		{
			name: "retry-concurrency", placeholder: "COUNT",
			usage: "retries, and deliveries that had to wait, in flight at once in this process",
			parse: func(c *Config, v []string) error {
				return parseCount(&c.RetryConcurrency, v[0], 1, MaxConcurrency)
			},
			show: func(c Config) string { return strconv.Itoa(c.RetryConcurrency) },
		},
		{
			name: "max-in-flight", placeholder: "COUNT",
			usage: "attempts in flight at once from this process to one endpoint that has no max_in_flight of its own",
			parse: func(c *Config, v []string) error {
				return parseCount(&c.MaxInFlight, v[0], 1, postback.MaxInFlight)
			},
			show: func(c Config) string { return strconv.Itoa(c.MaxInFlight) },
		},
		{
			name: "max-in-flight-publisher", placeholder: "COUNT",
			usage: "attempts in flight at once from this process to all endpoints of one publisher; half of its workers at most",
			parse: func(c *Config, v []string) error {
				return parseCount(&c.MaxInFlightPublisher, v[0], 1, MaxConcurrency)
			},
			show: func(c Config) string { return strconv.Itoa(c.MaxInFlightPublisher) },
		},
	}
}

func runSettings() []setting {
	return []setting{
		{
			name: "schemes", placeholder: "DIRECTORY", list: true,
			usage: "directory of declared schemes (*.yaml, *.yml, *.json) beside the built-in ones",
			parse: func(c *Config, v []string) error { c.Schemes = v; return nil },
			show:  func(c Config) string { return strings.Join(c.Schemes, ",") },
		},
		{
			name: "drain-delay", placeholder: "DURATION",
			usage: "how long a stopping API serves on while /readyz answers 503, so that load balancers notice first",
			parse: func(c *Config, v []string) error { return parseDuration(&c.DrainDelay, v[0], MaxDrainDelay) },
			show:  func(c Config) string { return postback.FormatAge(c.DrainDelay) },
		},
		{
			name: "drain-timeout", placeholder: "DURATION",
			usage: "how long a stop waits for attempts in flight, at least the longest timeout of an endpoint; the rest is sent after the next start",
			parse: func(c *Config, v []string) error { return parseDuration(&c.DrainTimeout, v[0], MaxDrain) },
			show:  func(c Config) string { return postback.FormatAge(c.DrainTimeout) },
		},
		{
			name: "stored-body", placeholder: "BYTES",
			usage: "how much of each response's body the history keeps, up to 16384",
			parse: func(c *Config, v []string) error { return parseCount(&c.StoredBody, v[0], 0, MaxStoredBody) },
			show:  func(c Config) string { return strconv.Itoa(c.StoredBody) },
		},
		{
			name: "retention", placeholder: "DURATION",
			usage: "how long history is kept after a delivery ended, such as 90d or 36h; \"forever\" keeps all of it",
			parse: func(c *Config, v []string) error { return parseRetention(&c.Retention, v[0]) },
			show:  func(c Config) string { return showRetention(c.Retention) },
		},
		{
			name: "log-level", placeholder: "LEVEL",
			usage: "debug, info, warn or error",
			parse: func(c *Config, v []string) error { return parseLevel(&c.LogLevel, v[0]) },
			show:  func(c Config) string { return strings.ToLower(c.LogLevel.String()) },
		},
		{
			name: "log-format", placeholder: "FORMAT",
			usage: "text or json",
			parse: func(c *Config, v []string) error { return parseChoice(&c.LogFormat, v[0], LogText, LogJSON) },
			show:  func(c Config) string { return c.LogFormat },
		},
	}
}

func join[T any](items []T, show func(T) string) string {
	shown := make([]string, 0, len(items))
	for _, item := range items {
		shown = append(shown, show(item))
	}
	return strings.Join(shown, ",")
}

func showProxy(proxy *url.URL) string {
	if proxy == nil {
		return ""
	}
	return redactURL(proxy.String())
}

func presence(value string) string {
	if value == "" {
		return ""
	}
	return "[set]"
}
