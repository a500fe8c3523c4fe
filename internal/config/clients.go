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
	}
}
