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
			usage: "an endpoint that did nothing but fail for so long is disabled until somebody enables it; 0: never",
			parse: func(c *Config, v []string) error { return parseDuration(&c.DisableAfter, v[0], MaxDisableAfter) },
			show:  func(c Config) string { return postback.FormatAge(c.DisableAfter) },
		},
		{
			name: "disable-failures", placeholder: "COUNT",
			usage: "how often it must have failed in that time, at least",
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
