package cli_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/cli"
	"github.com/waybillhq/waybill/internal/config"
)

func TestDurationsAreNumbersInEveryFormat(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{config.LogText: "took_ms=1500.25", config.LogJSON: `"took_ms":1500.25`} {
		var log bytes.Buffer
		settings := config.Default()
		settings.LogFormat = format
		cli.NewLogger(&log, settings).Info("done", slog.Duration("took", 1500250*time.Microsecond))
		if !strings.Contains(log.String(), want) {
			t.Errorf("%s: got %s, want %s", format, log.String(), want)
		}
	}
}
