package postback_test

import (
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/postback"
)

func TestParseWhen(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"90m":                       now.Add(-90 * time.Minute),
		"0s":                        now,
		"7d":                        now.AddDate(0, 0, -7),
		"1w":                        now.AddDate(0, 0, -7),
		"1w2d12h":                   now.Add(-(9*24 + 12) * time.Hour),
		"2d":                        now.AddDate(0, 0, -2),
		"2026-01-30":                time.Date(2026, 1, 30, 0, 0, 0, 0, time.UTC),
		"2026-01-30T10:00:00+02:00": time.Date(2026, 1, 30, 8, 0, 0, 0, time.UTC),
	} {
		if got, err := postback.ParseWhen(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
	refused := []string{
		"", " ", "yesterday", "7", "1x", "-5m", "1w-2d", "1w-5m", "1w+5m", "w", "d", "1d1w", "99999999w", "65535w", "1.5d", "0001-01-01T00:00:00Z", "1969-12-31",
		"2026-13-01", "2026-01-31 12:00", "2540400h1w", "0", "-0", "+0",
	}
	for _, text := range refused {
		_, err := postback.ParseWhen(text, now)
		if err == nil || !strings.Contains(err.Error(), postback.UseTime) {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestParseWhenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-02-30":           `invalid time "2026-02-30", whose day does not exist: `,
		"2026-02-30T10:00:00Z": `invalid time "2026-02-30T10:00:00Z", whose day does not exist: `,
		"2026-01-31T25:00:00Z": `invalid time "2026-01-31T25:00:00Z", whose hour does not exist: `,
		"1969-12-31":           `invalid time "1969-12-31", which is before 1970: `,
		"0":                    `invalid time "0": `,
	} {
		if _, err := postback.ParseWhen(text, time.Now()); err == nil || err.Error() != want+postback.UseTime {
			t.Errorf("%q: got %v", text, err)
		}
	}
	_, err := postback.ParseEvent([]byte(`{"type":"conversion.completed","publisher":"p","data":{},"occurred_at":"2026-02-30T10:00:00Z"}`))
	if want := `occurred_at: invalid time "2026-02-30T10:00:00Z", whose day does not exist: use RFC 3339, such as "2026-01-31T12:00:00.000Z"`; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestParseAge(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"30s": 30 * time.Second, "1h30m": 90 * time.Minute, "7d": 7 * 24 * time.Hour, "2w": 14 * 24 * time.Hour, "0s": 0, "0": 0, "-5m": -5 * time.Minute,
	} {
		if got, err := postback.ParseAge(text); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "1", "1y", "1w1", "d1", "1d-1h"} {
		if _, err := postback.ParseAge(text); err == nil || !strings.Contains(err.Error(), postback.UseAge) {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestFormatAgeWritesWhatParseAgeReads(t *testing.T) {
	t.Parallel()
	for length, want := range map[time.Duration]string{
		0: "0s", time.Second: "1s", 90 * time.Second: "1m30s", 10 * time.Minute: "10m", time.Hour + time.Second: "1h0m1s",
		72 * time.Hour: "72h", 36*time.Hour + 30*time.Minute: "36h30m", 1500 * time.Millisecond: "1.5s", 100 * time.Microsecond: "100µs",
	} {
		got := postback.FormatAge(length)
		if back, err := postback.ParseAge(got); got != want || err != nil || back != length {
			t.Errorf("%s is written %q and read %s, %v; want %q", length, got, back, err, want)
		}
	}
}
