package config

import "strconv"

// clientSettings bound what the API's clients may hold.
func clientSettings() []setting {
	return []setting{
		{
			name: "max-connections", placeholder: "COUNT",
			usage: "maximum open connections of clients; never more than half of the files that the process may open",
			parse: func(c *Config, v []string) error { return parseCount(&c.Connections, v[0], 1, MaxClientConnections) },
			show:  func(c Config) string { return strconv.Itoa(c.Connections) },
		},
		{
			name: "max-connections-per-address", placeholder: "COUNT",
			usage: "maximum open connections from one address (IPv6: one /64); set it to --max-connections behind a reverse proxy",
			parse: func(c *Config, v []string) error {
				return parseCount(&c.ConnectionsPerAddress, v[0], 1, MaxClientConnections)
			},
			show: func(c Config) string { return strconv.Itoa(c.ConnectionsPerAddress) },
		},
		{
			name: "max-endpoints-per-publisher", placeholder: "COUNT",
			usage: "maximum endpoints of one publisher; 0: no limit",
			parse: func(c *Config, v []string) error {
				return parseCount(&c.EndpointsPerPublisher, v[0], 0, MaxPerPublisher)
			},
			show: func(c Config) string { return strconv.Itoa(c.EndpointsPerPublisher) },
		},
		{
			name: "max-replays-per-publisher", placeholder: "COUNT",
			usage: "maximum replays by filter of one publisher that run at once, and of those that name none; 0: no limit",
			parse: func(c *Config, v []string) error {
				return parseCount(&c.ReplaysPerPublisher, v[0], 0, MaxPerPublisher)
			},
			show: func(c Config) string { return strconv.Itoa(c.ReplaysPerPublisher) },
		},
		{
			name: "replay-rate", placeholder: "COUNT",
			usage: "maximum deliveries per second that one process replays, for all replays together; 0: no limit, and new deliveries slow down",
			parse: func(c *Config, v []string) error { return parseCount(&c.ReplayRate, v[0], 0, MaxReplayRate) },
			show:  func(c Config) string { return strconv.Itoa(c.ReplayRate) },
		},
		{
			name: "max-requests-per-key", placeholder: "COUNT",
			usage: "maximum requests per second of one API key to this process; 0: no limit",
			parse: func(c *Config, v []string) error {
				return parseCount(&c.RequestsPerKey, v[0], 0, MaxRequestsPerKey)
			},
			show: func(c Config) string { return strconv.Itoa(c.RequestsPerKey) },
		},
	}
}
