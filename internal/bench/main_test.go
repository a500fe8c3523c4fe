package bench_test

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/waybillhq/waybill/internal/cli"
)

// The tests start engines of this same program.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "serve" || os.Args[1] == "broken") {
		os.Exit(engine(os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}

func engine(arguments []string) (code int) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if arguments[0] == "serve" {
		return cli.Run(ctx, arguments, os.Stdin, os.Stdout, os.Stderr)
	}
	if err := runBroken(ctx, arguments[1], argument(arguments, "--data-dir")); err != nil {
		return 1
	}
	return 0
}
