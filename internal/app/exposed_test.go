package app_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/internal/app"
)

// A ledger that was restored from a backup may be readable by everybody.
func TestALedgerThatEverybodyMayReadIsWarnedOf(t *testing.T) {
	t.Parallel()
	cfg := settings(t)
	if err := run(t, cfg, func(string) {}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(cfg.DataDir, "waybill.db")
	for mode, warned := range map[os.FileMode]bool{0o600: false, 0o644: true} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		ctx, stop := context.WithCancel(t.Context())
		err := app.Run(ctx, cfg, app.Roles{API: true, Worker: true}, slog.New(slog.NewTextHandler(&log, nil)), func(_, _ net.Addr) { stop() })
		if stop(); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(log.String(), "every user may read") && strings.Contains(log.String(), "chmod 600 "+path); got != warned {
			t.Errorf("mode %04o: warned %t: %s", mode, got, log.String())
		}
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	expectCheck(t, cfg, "ledger", true, "every user may read", "0644", "chmod 600 "+path)
}
