package bench_test

import (
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/bench"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*bench.Options)
		want   string // in the error; empty for none
	}{
		{"defaults", func(*bench.Options) {}, ""},
		{"no events", func(o *bench.Options) { o.Events = 0 }, "events: "},
		{"too many events", func(o *bench.Options) { o.Events = bench.MaxEvents + 1 }, "events: "},
		{"too long", func(o *bench.Options) { o.Duration = 2 * time.Hour }, "duration: "},
		{"negative rate", func(o *bench.Options) { o.Rate = -1 }, "rate: "},
		{"nobody sends", func(o *bench.Options) { o.Concurrency = 0 }, "concurrency: "},
		{"batch too large", func(o *bench.Options) { o.Batch = 1001 }, "batch: "},
		{"no endpoints", func(o *bench.Options) { o.Endpoints = 0 }, "endpoints: "},
		{"unknown scheme", func(o *bench.Options) { o.Scheme = "carrier-pigeon" }, "scheme: "},
		{"slow receiver", func(o *bench.Options) { o.ReceiverDelay = time.Hour }, "receiver-delay: "},
		{"no engine", func(o *bench.Options) { o.Program = nil }, "server: "},
		{"two engines", func(o *bench.Options) { o.Server = "http://127.0.0.1:8480" }, "server: "},
		{"process without server", func(o *bench.Options) { o.PID = 1 }, "pid: "},
		{"local server", running("http://127.0.0.1:8480"), ""},
		{"local server by name", running("http://localhost:8480"), ""},
		{"local server over IPv6", running("http://[::1]:8480"), ""},
		{"settings of a running server", func(o *bench.Options) {
			running("http://127.0.0.1:8480")(o)
			o.Settings = []string{"--stored-body", "0"}
		}, "server: "},
		{"server elsewhere", running("https://waybill.example.com"), "server: must be on this machine"},
		{"server at another address", running("http://192.0.2.1:8480"), "server: must be on this machine"},
		{"server that looks local", running("http://127.0.0.1.example.com"), "server: must be on this machine"},
		{"local Redis", func(o *bench.Options) { o.Redis = "redis://127.0.0.1:6379/9" }, ""},
		{"Redis elsewhere", func(o *bench.Options) { o.Redis = "redis://:hidden@redis.example.com:6379" }, "redis: must be on this machine"},
		{"local PostgreSQL", func(o *bench.Options) { o.Redis, o.Database = "redis://127.0.0.1", "postgres://u:hidden@127.0.0.1/x" }, ""},
		{"PostgreSQL without Redis", func(o *bench.Options) { o.Database = "postgres://u:hidden@127.0.0.1/x" }, "database: belongs to"},
		{"PostgreSQL elsewhere", func(o *bench.Options) { o.Redis, o.Database = "redis://127.0.0.1", "postgres://u:hidden@192.0.2.1/x" }, "database: must be on this machine"},
		{"Redis that is no URL", func(o *bench.Options) { o.Redis = "redis://:hidden@%zz" }, "redis: is no URL"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			options := bench.Defaults()
			options.Program = []string{"waybill", "serve"}
			tt.change(&options)
			err := options.Validate()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "hidden") {
				t.Errorf("the error repeats a password: %v", err)
			}
		})
	}
}

func running(server string) func(*bench.Options) {
	return func(o *bench.Options) { o.Program, o.Server = nil, server }
}
