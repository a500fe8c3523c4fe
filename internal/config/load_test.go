package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"go.uber.org/goleak"

	"github.com/waybillhq/waybill/internal/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// load reads settings from arguments, an environment and the text of a file;
// an empty text is no file.
func load(t *testing.T, args, environ []string, file string) (config.Config, error) {
	t.Helper()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.AddFlags(flags)
	if file != "" {
		path := filepath.Join(t.TempDir(), "waybill.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatalf("write file: %v", err)
		}
		args = append(args, "--config", path)
	}
	if err := flags.Parse(args); err != nil {
		t.Fatalf("parse flags: %v", err)
	}
	return config.Load(flags, environ)
}

func TestLoadNothingIsDefault(t *testing.T) {
	t.Parallel()
	got, err := load(t, nil, []string{"PATH=/bin", "WAYBILL_REDIS="}, "")
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	if got.String() != config.Default().String() {
		t.Errorf("got %s, want the defaults", got)
	}
	if want := "sqlite:waybill-data/waybill.db"; got.DatabaseURL() != want {
		t.Errorf("database: got %s, want %s", got.DatabaseURL(), want)
	}
	if want := "waybill-data/keyring"; got.KeyringSource() != want {
		t.Errorf("keyring: got %s, want %s", got.KeyringSource(), want)
	}
}

func TestLoadPrecedence(t *testing.T) {
	t.Parallel()
	const file = "listen: 127.0.0.1:1\nstored_body: 1\ndrain_timeout: 1s\nlog_level: warn\n"
	got, err := load(t,
		[]string{"--listen", "127.0.0.1:3"},
		[]string{"WAYBILL_LISTEN=127.0.0.1:2", "WAYBILL_STORED_BODY=2"},
		file)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	if got.Listen != "127.0.0.1:3" {
		t.Errorf("a flag must win: got %s", got.Listen)
	}
	if got.StoredBody != 2 {
		t.Errorf("the environment must win over the file: got %d", got.StoredBody)
	}
	if got.DrainTimeout != time.Second {
		t.Errorf("the file must win over the default: got %s", got.DrainTimeout)
	}
	if got.RetryConcurrency != config.Default().RetryConcurrency {
		t.Errorf("the default must stay: got %d", got.RetryConcurrency)
	}
}

func TestLoadEmptyFlagGivesDefault(t *testing.T) {
	t.Parallel()
	got, err := load(t, []string{"--redis", ""}, []string{"WAYBILL_REDIS=redis://127.0.0.1:6379"}, "")
	if err != nil || got.Redis != "" {
		t.Errorf("got %q and %v, want the embedded queue", got.Redis, err)
	}
}

func TestLoadWhenEndpointsAreGivenUp(t *testing.T) {
	t.Parallel()
	got, err := load(t, nil, nil, "")
	if err != nil || got.DisableAfter != 72*time.Hour || got.DisableFailures != 20 || got.AlertWindow != time.Minute {
		t.Errorf("got %s, %d and %s, %v", got.DisableAfter, got.DisableFailures, got.AlertWindow, err)
	}
	got, err = load(t, []string{"--disable-after", "0"}, []string{"WAYBILL_DISABLE_FAILURES=3"}, "alert_window: 5s\n")
	if err != nil || got.DisableAfter != 0 || got.DisableFailures != 3 || got.AlertWindow != 5*time.Second {
		t.Errorf("got %s, %d and %s, %v", got.DisableAfter, got.DisableFailures, got.AlertWindow, err)
	}
}

func TestLoadLists(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		args    []string
		environ []string
		file    string
	}{
		{"repeated flags", []string{"--egress-allow", "10.0.0.0/8", "--egress-allow", "fd00::/8"}, nil, ""},
		{"one flag", []string{"--egress-allow", "10.0.0.0/8, fd00::/8"}, nil, ""},
		{"environment", nil, []string{"WAYBILL_EGRESS_ALLOW=10.0.0.0/8,fd00::/8"}, ""},
		{"file, a list", nil, nil, "egress_allow:\n  - 10.0.0.0/8\n  - fd00::/8\n"},
		{"file, a text", nil, nil, "egress_allow: 10.0.0.0/8, fd00::/8\n"},
		{"flags replace the file", []string{"--egress-allow", "10.0.0.0/8,fd00::/8"}, nil, "egress_allow: [192.168.0.0/16]\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := load(t, tt.args, tt.environ, tt.file)
			if err != nil {
				t.Fatalf("load: %v", err)
			}
			if len(got.EgressAllow) != 2 || got.EgressAllow[0].String() != "10.0.0.0/8" || got.EgressAllow[1].String() != "fd00::/8" {
				t.Errorf("got %v", got.EgressAllow)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		args    []string
		environ []string
		file    string
		want    []string // all are part of the error
	}{
		{"listen without port", []string{"--listen", "localhost"}, nil, "", []string{"--listen:", "127.0.0.1:8480"}},
		{"listen with a name as port", nil, []string{"WAYBILL_LISTEN=:http"}, "", []string{"WAYBILL_LISTEN:", "65535"}},
		{"database of no kind", nil, nil, "database: mysql://h/d\n", []string{"database in ", "sqlite:PATH"}},
		{"database without path", []string{"--database", "sqlite:"}, nil, "", []string{"--database:"}},
		{"redis of no kind", []string{"--redis", "localhost:6379"}, nil, "", []string{"--redis:", "redis://"}},
		{"two IPv4 sources", []string{"--egress-ip", "192.0.2.1,192.0.2.2"}, nil, "", []string{"--egress-ip:", "one of each"}},
		{"source of every address", []string{"--egress-ip", "0.0.0.0"}, nil, "", []string{"--egress-ip:", "0.0.0.0"}},
		{"source with a zone", []string{"--egress-ip", "fe80::1%eth0"}, nil, "", []string{"--egress-ip:"}},
		{"proxy without port", []string{"--egress-proxy", "http://proxy.example.com"}, nil, "", []string{"--egress-proxy:", "with a port"}},
		{"proxy of another kind", []string{"--egress-proxy", "ftp://proxy.example.com:1"}, nil, "", []string{"--egress-proxy:"}},
		{"allowed address without bits", []string{"--egress-allow", "10.0.0.5"}, nil, "", []string{"--egress-allow:", "/32"}},
		{"allowed range with host bits", []string{"--egress-allow", "10.0.0.5/8"}, nil, "", []string{"use 10.0.0.0/8"}},
		{"advertised name", nil, []string{"WAYBILL_EGRESS_ADVERTISE=example.com"}, "", []string{"WAYBILL_EGRESS_ADVERTISE:"}},
		{"no concurrency", []string{"--deliver-concurrency", "0"}, nil, "", []string{"from 1 to 10000"}},
		{"drain without unit", nil, nil, "drain_timeout: 30\n", []string{"drain_timeout in ", "30s"}},
		{"body above the bound", []string{"--stored-body", "16385"}, nil, "", []string{"from 0 to 16384"}},
		{"no retention", []string{"--retention", "0"}, nil, "", []string{"--retention:", "90d", "forever to keep everything"}},
		{"retention below a day", []string{"--retention", "23h59m"}, nil, "", []string{"--retention:", "from 1d to 36500d"}},
		{"retention of no days", nil, []string{"WAYBILL_RETENTION=0d"}, "", []string{"WAYBILL_RETENTION:", "from 1d"}},
		{"negative retention", nil, nil, "retention: -90d\n", []string{"retention in ", "from 1d"}},
		{"retention above the bound", []string{"--retention", "36501d"}, nil, "", []string{"to 36500d"}},
		{"retention beyond all numbers", []string{"--retention", "9223372036854775807d"}, nil, "", []string{"to 36500d"}},
		{"retention without unit", nil, nil, "retention: 90\n", []string{"retention in ", "90d"}},
		{"negative time of failing", []string{"--disable-after", "-1h"}, nil, "", []string{"--disable-after:", "from 0s to 365d"}},
		{"time of failing without unit", nil, nil, "disable_after: 72\n", []string{"disable_after in ", "invalid duration"}},
		{"no failure", nil, []string{"WAYBILL_DISABLE_FAILURES=0"}, "", []string{"WAYBILL_DISABLE_FAILURES:", "from 1 to"}},
		{"no window", []string{"--alert-window", "0s"}, nil, "", []string{"--alert-window:", "from 1s to 1h"}},
		{"level", []string{"--log-level", "loud"}, nil, "", []string{"debug, info, warn, error"}},
		{"format", []string{"--log-format", "xml"}, nil, "", []string{"text, json"}},
		{"two at once", []string{"--log-format", "xml", "--stored-body", "-1"}, nil, "", []string{"--log-format:", "--stored-body:"}},
		{"unknown variable", nil, []string{"WAYBILL_LISTENN=:1"}, "", []string{"WAYBILL_LISTENN in the environment"}},
		{"unknown key", nil, nil, "egres_ip: 192.0.2.1\n", []string{"egres_ip in ", "serve --help"}},
		{"key in another spelling", nil, nil, "egress:\n  allow: [10.0.0.0/8]\n", []string{"egress.allow in ", "write egress_allow"}},
		{"variable in another spelling", nil, []string{"WAYBILL_DATADIR=x", "WAYBILL_data_dir=x"}, "", []string{"WAYBILL_DATADIR", "write WAYBILL_DATA_DIR"}},
		{"list for one value", nil, nil, "listen: [a, b]\n", []string{"listen in ", "is a list"}},
		{"names below a value", nil, nil, "listen:\n  host: a\n", []string{"listen in ", "names below"}},
		{"file twice the same key", nil, nil, "listen: :1\nlisten: :2\n", []string{"listen"}},
		{"file that is not there", []string{"--config", "absent.yaml"}, nil, "", []string{"absent.yaml"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, tt.args, tt.environ, tt.file)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
		})
	}
}

func TestLoadRetention(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text  string
		want  time.Duration
		shown string
	}{
		{"", 90 * 24 * time.Hour, "90d"},
		{"1d", 24 * time.Hour, "1d"},
		{"24h", 24 * time.Hour, "1d"},
		{"36h", 36 * time.Hour, "36h"},
		{"36h0m0s", 36 * time.Hour, "36h"},
		{"2w", 14 * 24 * time.Hour, "14d"},
		{"1w1d12h", 204 * time.Hour, "204h"},
		{"36500d", 36500 * 24 * time.Hour, "36500d"},
		{"forever", 0, "forever"},
	}
	for _, tt := range tests {
		got, err := load(t, []string{"--retention", tt.text}, nil, "")
		if err != nil || got.Retention != tt.want || !strings.Contains(got.String()+" ", "retention="+tt.shown+" ") {
			t.Errorf("%q: got %s and %v in %s", tt.text, got.Retention, err, got)
		}
	}
}

// Every setting that is a length of time takes days and weeks, wherever it is
// from.
func TestLoadReadsDurations(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		args, environ []string
		file          string
	}{
		"flag":        {[]string{"--disable-after", "1w"}, nil, ""},
		"environment": {nil, []string{"WAYBILL_DISABLE_AFTER=7d"}, ""},
		"file":        {nil, nil, "disable_after: 6d24h\n"},
	} {
		got, err := load(t, tt.args, tt.environ, tt.file)
		if err != nil || got.DisableAfter != 7*24*time.Hour || !strings.Contains(got.String(), "disable_after=7d ") {
			t.Errorf("%s: got %s and %v in %s", name, got.DisableAfter, err, got)
		}
	}
	for _, name := range []string{"drain-delay", "drain-timeout", "disable-after", "alert-window", "retention"} {
		_, err := load(t, []string{"--" + name, "7y"}, nil, "")
		if err == nil || !strings.Contains(err.Error(), "--"+name+`: invalid duration "7y": `) || !strings.Contains(err.Error(), "w or ") && !strings.Contains(err.Error(), " or 1w") {
			t.Errorf("--%s 7y: got %v", name, err)
		}
		if _, err := load(t, []string{"--" + name, "1w"}, nil, ""); err != nil && strings.Contains(err.Error(), "unknown unit") {
			t.Errorf("--%s 1w: got %v", name, err)
		}
	}
}

func TestLoadIgnoresVariablesOfOthers(t *testing.T) {
	t.Parallel()
	_, err := load(t, nil, []string{
		"WAYBILL_URL=http://127.0.0.1:1", "WAYBILL_API_KEY=k", "WAYBILL_SECRET=s",
		"WAYBILL_SERVICE_HOST=10.0.0.1", "WAYBILL_SERVICE_PORT=80", "WAYBILL_SERVICE_PORT_HTTP=80",
		"WAYBILL_PORT=tcp://10.0.0.1:80", "WAYBILL_PORT_80_TCP=tcp://10.0.0.1:80", "WAYBILL_PORT_80_TCP_ADDR=10.0.0.1",
		"WAYBILL_REDIS_SERVICE_HOST=10.0.0.2", "WAYBILL_REDIS_PORT=tcp://10.0.0.2:6379", "WAYBILL_REDIS_PORT_6379_TCP_PROTO=tcp",
	}, "")
	if err != nil {
		t.Errorf("got %v", err)
	}
}

func TestLoadReadsFileNamedByVariable(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "waybill.yaml")
	if err := os.WriteFile(path, []byte("log_format: json\n"), 0o600); err != nil {
		t.Fatalf("write file: %v", err)
	}
	got, err := load(t, nil, []string{"WAYBILL_CONFIG=" + path}, "")
	if err != nil || got.LogFormat != config.LogJSON {
		t.Errorf("got %q and %v", got.LogFormat, err)
	}
}

func TestHelpListsEverySetting(t *testing.T) {
	t.Parallel()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.AddFlags(flags)
	help := flags.FlagUsages()
	shown := strings.Fields(config.Default().String())
	if len(shown) < 10 {
		t.Fatalf("only %d settings", len(shown))
	}
	for _, pair := range shown {
		key, fallback, _ := strings.Cut(pair, "=")
		for _, want := range []string{"--" + strings.ReplaceAll(key, "_", "-") + " ", "[$WAYBILL_" + strings.ToUpper(key) + "]", fallback} {
			if !strings.Contains(help, want) {
				t.Errorf("%q is not in the help:\n%s", want, help)
			}
		}
	}
}
