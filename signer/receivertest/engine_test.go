package receivertest_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/client"
)

// startEngine runs `waybill serve` with its embedded defaults, sending through
// the tunnel.
func startEngine(t *testing.T, n *tunnel) *client.Client {
	t.Helper()
	dir := t.TempDir()
	command := exec.Command(programs("waybill"), "serve", "--listen", "127.0.0.1:0", "--data-dir", dir,
		"--egress-allow", "127.0.0.0/8", "--egress-proxy", n.URL, "--log-level", "warn", "--deliver-concurrency", "64")
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "WAYBILL_") && !strings.HasPrefix(entry, "OTEL_") {
			command.Env = append(command.Env, entry)
		}
	}
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	command.Stdout = in
	p := launch(t, command)
	_ = in.Close()
	if err := out.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	_, url, found := strings.Cut(strings.TrimSpace(line), "listens on ")
	if !found {
		t.Fatalf("waybill does not listen: %v %q\n%s", err, line, p.log)
	}
	key, err := os.ReadFile(filepath.Join(dir, "admin.key"))
	if err != nil {
		t.Fatal(err)
	}
	api, err := client.New(url, strings.TrimSpace(string(key)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("waybill said:\n%s", p.log)
		}
	})
	return api
}
