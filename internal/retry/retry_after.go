package retry

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// RetryAfter reads the value of a Retry-After header (RFC 9110, section
// 10.2.3): a number of seconds or an HTTP date. It returns how long after now
// the receiver wants to be left alone, at most limit, and false when the header
// asks for no delay: empty, zero, negative, in the past or unreadable.
//
// A receiver may lengthen the delay of [Next], never shorten it: use the longer
// of the two.
func RetryAfter(header string, now time.Time, limit time.Duration) (time.Duration, bool) {
	wanted := wantedDelay(strings.TrimSpace(header), now, limit)
	if wanted <= 0 || limit <= 0 {
		return 0, false
	}
	return min(wanted, limit), true
}

func wantedDelay(value string, now time.Time, limit time.Duration) time.Duration {
	if !digits(value) {
		date, err := http.ParseTime(value)
		if err != nil {
			return 0
		}
		return date.Sub(now)
	}
	count, err := strconv.ParseInt(value, 10, 64)
	// A number too large to read, or to be a time.Duration, asks for more than the limit.
	if err != nil || count > int64(limit/time.Second) {
		return limit
	}
	return time.Duration(count) * time.Second
}

func digits(value string) bool {
	return value != "" && strings.Trim(value, "0123456789") == ""
}
