package sqlite_test

import (
	"fmt"
	"log/slog"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/store/sqlite"
	"github.com/waybillhq/waybill/store/storetest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childLedger); path != "" {
		fmt.Fprintln(os.Stderr, acceptForever(path))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

func TestLedger(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Ledger {
		t.Helper()
		return open(t, testkit.LedgerFile(t))
	})
}

// open opens a ledger that the test's end closes.
func open(tb testing.TB, path string) *sqlite.Ledger {
	tb.Helper()
	ledger, err := sqlite.Open(tb.Context(), sqlite.Options{Path: path, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := ledger.Close(); err != nil {
			tb.Error(err)
		}
	})
	return ledger
}
