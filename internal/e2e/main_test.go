package e2e_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/waybillhq/waybill/internal/cli"
	"github.com/waybillhq/waybill/internal/testkit"
)

// binary is the path of the program under test, built by TestMain.
func binary() string { return os.Getenv("WAYBILL_E2E_BINARY") }

// root is where the repository is, from here.
const root = "../.."

// buildAsShipped builds the program with the very command of the Dockerfile: a
// static binary.
func buildAsShipped(path string) ([]byte, error) {
	dockerfile, err := os.ReadFile(filepath.Join(root, "deploy", "Dockerfile"))
	if err != nil {
		return nil, err
	}
	_, rest, _ := strings.Cut(string(dockerfile), "RUN CGO_ENABLED=0 go build ")
	flags, _, found := strings.Cut(rest, " -o /waybill ./cmd/waybill")
	if !found {
		return nil, errors.New("the Dockerfile builds the program with a command that is not known here")
	}
	build := exec.Command("sh", "-c", "CGO_ENABLED=0 go build "+flags+` -o "$0" ./cmd/waybill`, path)
	build.Dir = root
	return build.CombinedOutput()
}

func TestMain(m *testing.M) {
	// The program is built below; holding on to it here makes a cached result
	// of these tests stale when the program has changed.
	runtime.KeepAlive(cli.Run)
	dir, err := os.MkdirTemp("", "waybill-e2e-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	path := filepath.Join(dir, "waybill")
	if out, err := buildAsShipped(path); err != nil {
		fmt.Fprintf(os.Stderr, "build waybill: %v\n%s", err, out)
		os.Exit(1)
	}
	_ = os.Setenv("WAYBILL_E2E_BINARY", path)
	_ = os.Setenv("TZ", "Australia/Lord_Howe") // No server may depend on its time zone.
	// These tests wait for outages and leases most of the time: twice as many at
	// once as there are usually take little more of the machine.
	flag.Parse()
	_ = flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0)))
	goleak.VerifyTestMain(m, testkit.IgnoreRedisDials(), goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}
