package retry_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/retry"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := opened()
	for name, test := range map[string]struct {
		header string
		want   time.Duration
	}{
		"seconds":           {"120", 2 * time.Minute},
		"spaces around":     {"  7 ", 7 * time.Second},
		"leading zeros":     {"007", 7 * time.Second},
		"over the cap":      {"86400", time.Hour},
		"over an int64":     {"99999999999999999999999", time.Hour},
		"over a duration":   {"9223372036854775807", time.Hour},
		"date":              {now.Add(90 * time.Second).Format(http.TimeFormat), 90 * time.Second},
		"date over the cap": {"Fri, 31 Dec 9999 23:59:59 GMT", time.Hour},
		"RFC 850 date":      {now.Add(time.Minute).Format("Monday, 02-Jan-06 15:04:05 GMT"), time.Minute},
		"asctime date":      {now.Add(time.Minute).Format(time.ANSIC), time.Minute},
		"date in the past":  {now.Add(-time.Second).Format(http.TimeFormat), 0},
		"date of now":       {now.Format(http.TimeFormat), 0},
		"zero":              {"0", 0},
		"negative":          {"-5", 0},
		"plus sign":         {"+5", 0},
		"fraction":          {"1.5", 0},
		"unit":              {"5s", 0},
		"empty":             {"", 0},
		"words":             {"soon", 0},
		"other digits":      {"٣", 0},
		"NUL":               {"5\x00", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := retry.RetryAfter(test.header, now, time.Hour)
			if got != test.want || ok != (test.want > 0) {
				t.Errorf("got %s, %t, want %s", got, ok, test.want)
			}
		})
	}
}

func TestRetryAfterWithoutLimit(t *testing.T) {
	t.Parallel()
	if got, ok := retry.RetryAfter("5", opened(), 0); ok {
		t.Errorf("a cap of zero gave %s", got)
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"120", "-1", "Fri, 31 Dec 9999 23:59:59 GMT", "9223372036854775808", "", "\x00"} {
		f.Add(seed, int64(time.Hour))
	}
	f.Fuzz(func(t *testing.T, header string, limit int64) {
		got, ok := retry.RetryAfter(header, opened(), time.Duration(limit))
		if ok && (got <= 0 || got > time.Duration(limit)) || !ok && got != 0 {
			t.Errorf("RetryAfter(%q, cap %d) = %d, %t", header, limit, got, ok)
		}
	})
}
