package receivertest_test

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

// programs is where TestMain puts what it builds: the program under test and
// the receivers that have to be compiled.
func programs(name string) string {
	return filepath.Join(os.Getenv("WAYBILL_RECEIVERTEST_PROGRAMS"), name)
}

func TestMain(m *testing.M) {
	// The program is built below; holding on to it here makes a cached result
	// of these tests stale when the program has changed.
	runtime.KeepAlive(cli.Run)
	dir, err := os.MkdirTemp("", "waybill-receivertest-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = os.Setenv("WAYBILL_RECEIVERTEST_PROGRAMS", dir)
	if err := build(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

func build(dir string) error {
	recipe, err := codeBlock("README.md", "go")
	if err != nil {
		return err
	}
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte(recipe), 0o600); err != nil {
		return err
	}
	for _, command := range [][]string{
		{"go", "build", "-o", programs("waybill"), "github.com/waybillhq/waybill/cmd/waybill"},
		{"cp", "testdata/accept/accept.go", dir},
		{"go", "build", "-o", programs("receiver-go"), source, filepath.Join(dir, "accept.go")},
		{"mcs", "-out:" + programs("receiver.exe"), "testdata/published/receiver.cs"},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%v (.ci/install installs what is missing): %w\n%s", command, err, out)
		}
	}
	return nil
}
