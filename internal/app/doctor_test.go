package app_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/internal/app"
	"github.com/waybillhq/waybill/internal/config"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, testkit.IgnoreRedisDials()) }

// settings of a server that needs nothing, in a directory of its own.
func settings(t *testing.T) config.Config {
	t.Helper()
	cfg := config.Default()
	cfg.Listen, cfg.DataDir = "127.0.0.1:0", filepath.Join(t.TempDir(), "data")
	cfg.EgressAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	return cfg
}

// run starts a server, acts while it runs, and stops it. It returns why the
// server ended.
func run(t *testing.T, cfg config.Config, act func(url string)) error {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended, ready := make(chan error, 1), make(chan string, 1)
	go func() {
		ended <- app.Run(ctx, cfg, app.Roles{API: true, Worker: true}, slog.New(slog.DiscardHandler), func(api, _ net.Addr) {
			ready <- "http://" + api.String()
		})
	}()
	select {
	case url := <-ready:
		act(url)
		stop()
		return <-ended
	case err := <-ended:
		return err
	}
}

// createEndpoint creates one with the admin key.
func createEndpoint(t *testing.T, cfg config.Config) func(url string) {
	t.Helper()
	return func(url string) {
		key, err := os.ReadFile(cfg.AdminKeyFile())
		if err != nil {
			t.Fatal(err)
		}
		connected, err := client.New(url, strings.TrimSpace(string(key)))
		if err != nil {
			t.Fatal(err)
		}
		defer connected.Close()
		if _, err := connected.CreateEndpoint(t.Context(), client.EndpointSpec{
			Publisher: "pub_1", Scheme: "simpleswap",
			EndpointSettings: postback.EndpointSettings{URL: "http://127.0.0.1:1/postback"},
		}); err != nil {
			t.Error(err)
		}
	}
}

// expectCheck expects a verdict of a check, and a remedy with each failure.
func expectCheck(t *testing.T, cfg config.Config, name string, ok bool, words ...string) {
	t.Helper()
	found := false
	for _, check := range app.Doctor(t.Context(), cfg) {
		if !check.OK && check.Remedy == "" {
			t.Errorf("%s fails without a remedy: %s", check.Name, check.Detail)
		}
		if check.Name != name {
			if !check.OK && ok {
				t.Errorf("%s fails: %s", check.Name, check.Detail)
			}
			continue
		}
		found = true
		if check.OK != ok {
			t.Errorf("%s is %t, want %t: %s", name, check.OK, ok, check.Detail)
		}
		for _, word := range words {
			if !strings.Contains(check.Detail+check.Remedy, word) {
				t.Errorf("%s lacks %q: %s -> %s", name, word, check.Detail, check.Remedy)
			}
		}
	}
	if !found {
		t.Errorf("there is no check %q", name)
	}
}

func TestDoctorFailsWhereAServerWould(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	used, free := listener(t), listener(t)
	_ = free.Close()
	for name, test := range map[string]struct {
		change func(*config.Config)
		check  string
		words  []string
	}{
		"the data directory is a file":       {func(c *config.Config) { c.DataDir = file }, "data directory", []string{"not a directory", "--data-dir"}},
		"it cannot be created":               {func(c *config.Config) { c.DataDir = filepath.Join(file, "data") }, "data directory", []string{"not a directory", "--data-dir"}},
		"the port is in use":                 {func(c *config.Config) { c.Listen = used.Addr().String() }, "listen address", []string{"in use", "--listen"}},
		"the health port is in use":          {func(c *config.Config) { c.HealthListen = used.Addr().String() }, "health-listen address", []string{"in use", "--health-listen"}},
		"health checks at the API's address": {func(c *config.Config) { c.Listen, c.HealthListen = free.Addr().String(), ":"+port(free) }, "health-listen address", []string{"--listen", "a port of its own"}},
		"the address is another host's":      {func(c *config.Config) { c.Listen = "203.0.113.9:8480" }, "listen address", []string{"an address of this host"}},
		"there is no directory of schemes":   {func(c *config.Config) { c.Schemes = []string{filepath.Join(file, "..", "none")} }, "schemes", []string{"none", "a directory that exists"}},
		"the admin key's file holds none":    {func(c *config.Config) { adminKey(t, *c, "secret") }, "admin key", []string{"holds no API key", "move it away"}},
		"the ledger's place is impossible":   {func(c *config.Config) { c.Database = "sqlite:" + filepath.Join(file, "x.db") }, "ledger", []string{"--database"}},
		"a scheme's file is wrong":           {func(c *config.Config) { c.Schemes = []string{wrongSchemes(t)} }, "schemes", []string{"--schemes"}},
		"the keyring's place is":             {func(c *config.Config) { c.Keyring = filepath.Join(file, "ring") }, "keyring", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := settings(t)
			test.change(&cfg)
			expectCheck(t, cfg, test.check, false, test.words...)
			if err := run(t, cfg, func(string) {}); err == nil {
				t.Error("a server starts with the same settings")
			}
		})
	}
}

func TestDoctorLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	cfg := settings(t)
	expectCheck(t, cfg, "data directory", true, "the first start creates it")
	above, err := os.ReadDir(filepath.Dir(cfg.DataDir))
	if err != nil || len(above) != 0 {
		t.Errorf("it left %v, %v", above, err)
	}
}

func TestDoctorBesideARunningServer(t *testing.T) {
	t.Parallel()
	cfg := settings(t)
	err := run(t, cfg, func(url string) {
		beside := cfg
		beside.Listen = strings.TrimPrefix(url, "http://")
		expectCheck(t, beside, "listen address", true, "a running waybill with this ledger")
		expectCheck(t, beside, "ledger", true, "the server that runs")
		beside.HealthListen = beside.Listen
		expectCheck(t, beside, "health-listen address", false, "a port of its own")
	})
	if err != nil {
		t.Errorf("the server ended with %v", err)
	}
}

// Where another server is in the way, a server with these settings could not
// start, be the other one a Waybill.
func TestDoctorBesideAServerOfOtherSettings(t *testing.T) {
	t.Parallel()
	cfg := settings(t)
	err := run(t, cfg, func(url string) {
		other := settings(t)
		other.Listen = strings.TrimPrefix(url, "http://")
		expectCheck(t, other, "listen address", false, "another ledger", "--listen")
		if err := run(t, other, func(string) {}); err == nil {
			t.Error("a server starts at the address of another one")
		}
		expectCheck(t, cfg, "ledger", false, "another waybill server uses the ledger", "the settings of the one that has it")
		if err := run(t, cfg, func(string) {}); err == nil {
			t.Error("a server starts with the ledger of another one")
		}
	})
	if err != nil {
		t.Errorf("the server ended with %v", err)
	}
}

// A Redis that is filled from another ledger is refused, and one that does not
// answer is told of in one place.
func TestDoctorAndRedis(t *testing.T) {
	t.Parallel()
	cfg, redis := settings(t), testkit.StartRedis(t)
	cfg.Redis = redis.URL()
	err := run(t, cfg, func(string) {
		testkit.Eventually(t, "the queue is marked", func() bool {
			return redis.Client().Exists(t.Context(), "waybill:epoch").Val() == 1
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	expectCheck(t, cfg, "redis", true, "answers")
	other := settings(t)
	other.Redis = cfg.Redis
	expectCheck(t, other, "redis", false, "another ledger", "--redis")
	if err := run(t, other, func(string) {}); err == nil {
		t.Error("a server starts with the Redis of another ledger")
	}
	redis.Stop()
	expectCheck(t, cfg, "redis", false, "does not answer", "--redis")
}

// listener has a port until the test ends.
func listener(t *testing.T) net.Listener {
	t.Helper()
	opened, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	return opened
}

func port(l net.Listener) string {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// adminKey writes the file of a server's admin key.
func adminKey(t *testing.T, cfg config.Config, text string) {
	t.Helper()
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cfg.AdminKeyFile(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAnIncompleteKeyringIsRefused(t *testing.T) {
	t.Parallel()
	cfg := settings(t)
	cfg.Keyring = ringOf(t, 1)
	if err := run(t, cfg, createEndpoint(t, cfg)); err != nil {
		t.Fatal(err)
	}
	cfg.Keyring = ringOf(t, 2, 1)
	if err := run(t, cfg, createEndpoint(t, cfg)); err != nil {
		t.Fatal(err)
	}
	cfg.Keyring = ringOf(t, 2)
	expectCheck(t, cfg, "keyring", false, "key 1")
	if err := run(t, cfg, func(string) {}); err == nil || !strings.Contains(err.Error(), "key 1,") {
		t.Errorf("a server without key 1 ended with %v", err)
	}
	cfg.Keyring = ringOf(t, 1, 2)
	expectCheck(t, cfg, "keyring", true)
}

// wrongSchemes is a directory with a declaration that does not compile.
func wrongSchemes(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x.yaml"), []byte("name: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// ringOf writes a keyring of these keys, the first of which seals.
func ringOf(t *testing.T, ids ...byte) string {
	t.Helper()
	var lines []string
	for _, id := range ids {
		lines = append(lines, fmt.Sprintf("%d %s", id, base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{id}, 32))))
	}
	path := filepath.Join(t.TempDir(), "ring")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
