package app

import (
	"strings"

	"github.com/waybillhq/waybill/internal/config"
	"github.com/waybillhq/waybill/postback"
)

// Roles are the parts that a process runs.
//
// Every process follows the registry, sweeps due deliveries into the queue,
// watches the queue, releases what was parked and moves replays on: each of
// these is safe to do in several at once, so that any of them may crash. The API
// takes events and answers questions; the workers send.
type Roles struct{ API, Worker bool }

// checkRoles refuses to split over processes what only one process can hold, and two
// listeners at one address.
func checkRoles(cfg config.Config, roles Roles) error {
	alone := roles.API && roles.Worker
	embedded := strings.HasPrefix(cfg.DatabaseURL(), sqliteScheme)
	switch {
	case cfg.Redis == "" && !alone:
		return postback.Invalid("redis", postback.CodeInvalid,
			"separate api and worker processes share their queue in Redis: set --redis redis://HOST:6379, or run both in one with `waybill serve`")
	case embedded && !alone:
		return postback.Invalid("database", postback.CodeInvalid,
			"a SQLite ledger serves one process: set --database postgres://USER@HOST/NAME, or run both in one with `waybill serve`")
	case roles.API && cfg.HealthListen != "" && overlap(cfg.Listen, cfg.HealthListen):
		return postback.Invalid("health_listen", postback.CodeInvalid, "%s is what the API takes (%s): give health checks a port of their own", cfg.HealthListen, cfg.Listen)
	default:
		return nil
	}
}

// ownsQueue reports whether a process that could be one of several keeps the
// queue to itself.
func ownsQueue(cfg config.Config) bool {
	return cfg.Redis == "" && !strings.HasPrefix(cfg.DatabaseURL(), sqliteScheme)
}
