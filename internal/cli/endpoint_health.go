package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// shownEndpoint is an endpoint and its health, as programs read it.
type shownEndpoint struct {
	client.EndpointResult
	Health client.EndpointHealth `json:"health"`
}

// printHealth says in words how an endpoint does.
func (p *program) printHealth(health client.EndpointHealth) {
	p.printf("\n")
	p.labels("",
		[2]string{"blocked", blockedLine(health.Blocked)},
		[2]string{"held", heldLine(health.HeldUntil)},
		[2]string{"circuit", circuitLine(health)},
		[2]string{"failing", failingLine(health)},
		[2]string{"last " + windowName(health.Traffic.Window), trafficLine(health.Traffic)},
		[2]string{"errors", errorsLine(health.Traffic.Errors)},
		[2]string{"last attempt", lastLine(health)},
		[2]string{"waiting", waitingLine(health.Waiting)},
	)
}

// blockedLine says why nothing can be sent.
func blockedLine(blocked *client.Blocked) string {
	if blocked == nil {
		return ""
	}
	line := fmt.Sprintf("%s, since %s", blocked.Reason, when(blocked.Since))
	if blocked.Message != "" {
		line += ": " + blocked.Message
	}
	return line
}

func heldLine(until client.Time) string {
	if until.IsZero() {
		return ""
	}
	return "until " + when(until) + ", as it asked by Retry-After; pause and resume it to try it sooner"
}

func circuitLine(h client.EndpointHealth) string {
	if h.Circuit != "open" {
		return h.Circuit
	}
	line := "open since " + when(h.OpenedAt)
	if h.Probes > 0 {
		line += fmt.Sprintf(", %s since then", counted(h.Probes, "probe"))
	}
	switch {
	case h.State != postback.EndpointEnabled:
		return line + fmt.Sprintf("; not probed while the endpoint is %s", h.State)
	case !probeable(h.Waiting):
		return line + "; probed as soon as a delivery waits"
	default:
		return line + "; next probe at " + when(h.NextProbeAt)
	}
}

// probeable reports whether there is a delivery that can be sent as a probe.
func probeable(w client.Waiting) bool {
	for reason, count := range w.Parked {
		if count > 0 && reason != postback.ReasonOrdered {
			return true
		}
	}
	return false
}

func failingLine(h client.EndpointHealth) string {
	if h.FailingSince.IsZero() {
		return ""
	}
	return fmt.Sprintf("since %s: about %s, the last one %s", when(h.FailingSince), counted(h.Failures, "failure"), h.LastError)
}

func windowName(window string) string {
	switch window {
	case "1h":
		return "hour"
	case "24h":
		return "24 hours"
	case "15m":
		return "15 minutes"
	default:
		return window
	}
}

func trafficLine(t client.Traffic) string {
	if t.Attempts == 0 || t.SuccessRate == nil {
		return "no attempts"
	}
	parts := []string{counted(t.Attempts, "attempt"), percent(*t.SuccessRate, t.Succeeded == t.Attempts) + " succeeded"}
	add := func(name string, millis *float64) {
		if millis != nil {
			parts = append(parts, name+" "+latency(*millis))
		}
	}
	add("p50", t.Latency.P50)
	add("p95", t.Latency.P95)
	add("p99", t.Latency.P99)
	return strings.Join(parts, ", ")
}

// percent never says 100 % of what was not all.
func percent(rate float64, all bool) string {
	text := strconv.FormatFloat(rate*100, 'f', 1, 64)
	if !all && text == "100.0" {
		text = "99.9"
	}
	return strings.TrimSuffix(text, ".0") + " %"
}

// latency is a time in milliseconds, as exactly as it is known.
func latency(millis float64) string {
	took := time.Duration(millis * float64(time.Millisecond))
	switch {
	case took >= 10*time.Second:
		return took.Round(time.Second).String()
	case took >= time.Second:
		return took.Round(100 * time.Millisecond).String()
	case took >= 10*time.Millisecond:
		return took.Round(time.Millisecond).String()
	default:
		return took.Round(100 * time.Microsecond).String()
	}
}

// errorsLine names the most frequent errors first.
func errorsLine(errors map[string]int) string {
	codes := slices.SortedFunc(maps.Keys(errors), func(a, b string) int {
		return cmp.Or(cmp.Compare(errors[b], errors[a]), cmp.Compare(a, b))
	})
	parts := make([]string, 0, len(codes))
	for _, code := range codes {
		parts = append(parts, fmt.Sprintf("%s %d", code, errors[code]))
	}
	return strings.Join(parts, ", ")
}

func lastLine(h client.EndpointHealth) string {
	switch {
	case h.LastAttemptAt.IsZero():
		return "none within a day"
	case h.LastSuccessAt.IsZero():
		return when(h.LastAttemptAt) + ", no success within a day"
	default:
		return when(h.LastAttemptAt) + ", last success " + when(h.LastSuccessAt)
	}
}

func waitingLine(w client.Waiting) string {
	var parts []string
	add := func(count int, what string) {
		if count > 0 {
			parts = append(parts, many(count, w.CountedUpTo)+" "+what)
		}
	}
	add(w.Pending, "pending")
	add(w.Retrying, "retrying")
	for _, reason := range slices.Sorted(maps.Keys(w.Parked)) {
		add(w.Parked[reason], fmt.Sprintf("parked as %s", reason))
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ") + "; the oldest since " + when(w.OldestAt)
}

// many is a count that ended at a limit.
func many(count, limit int) string {
	if limit > 0 && count >= limit {
		return fmt.Sprintf("%d or more", count)
	}
	return strconv.Itoa(count)
}

// counted is a number of things.
func counted(count int, what string) string {
	if count == 1 {
		return "1 " + what
	}
	if stem, found := strings.CutSuffix(what, "y"); found {
		what = stem + "ie"
	}
	return fmt.Sprintf("%d %ss", count, what)
}
