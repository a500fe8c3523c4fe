package config

import (
	"strconv"

	"github.com/waybillhq/waybill/postback"
)

// alertSettings say when endpoints are auto-disabled, and when operators are alerted.
func alertSettings() []setting {
	return []setting{
		{
			name: "disable-after", placeholder: "DURATION",
			usage: "disable an endpoint that failed for this long without a success; 0: never",
			parse: func(c *Config, v []string) error { return parseDuration(&c.DisableAfter, v[0], MaxDisableAfter) },
			show:  func(c Config) string { return postback.FormatAge(c.DisableAfter) },
		},
		{
			name: "disable-failures", placeholder: "COUNT",
			usage: "minimum failures in that time before an endpoint is disabled",
			parse: func(c *Config, v []string) error { return parseCount(&c.DisableFailures, v[0], 1, MaxDisableFailures) },
			show:  func(c Config) string { return strconv.Itoa(c.DisableFailures) },
		},
		{
			name: "alert-window", placeholder: "DURATION",
			usage: "shortest time between alerts about one endpoint's dead letters",
			parse: func(c *Config, v []string) error {
				return parseSpan(&c.AlertWindow, v[0], MinAlertWindow, MaxAlertWindow)
			},
			show: func(c Config) string { return postback.FormatAge(c.AlertWindow) },
		},
	}
}
