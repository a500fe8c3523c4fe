package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"go.uber.org/goleak"

	"github.com/waybillhq/waybill/internal/cli"
)

// binary is the path of the program under test, built by TestMain.
func binary() string { return os.Getenv("WAYBILL_E2E_BINARY") }

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
	build := exec.Command("go", "build", "-o", path, "github.com/waybillhq/waybill/cmd/waybill")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build waybill: %v\n%s", err, out)
		os.Exit(1)
	}
	_ = os.Setenv("WAYBILL_E2E_BINARY", path)
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}
