// Command waybill delivers conversion and exchange events to publishers'
// endpoints. It guarantees nothing of its own: see package cli.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/waybillhq/waybill/internal/cli"
)

func main() {
	os.Exit(run())
}

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // The first signal drains; a second one kills.
	return cli.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}
