package dispatcher

import (
	"maps"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/waybillhq/waybill/postback"
)

// unlimited is more than any job holds.
const unlimited = 1 << 30

// paces are how far the rates of the running jobs let each of them go, by job.
// They are one goroutine's.
type paces map[string]*pace

// pace is a bucket that time fills with a job's rate and that every delivery
// empties which the job has handled, whichever process did it. So each
// process holds the rate for all of them together, and no process needs to know
// of another.
type pace struct {
	tokens  float64
	handled int
	at      time.Time
}

// keep forgets the jobs that run no more.
func (p paces) keep(jobs []postback.ReplayJob) {
	maps.DeleteFunc(p, func(id string, _ *pace) bool {
		return !slices.ContainsFunc(jobs, func(job postback.ReplayJob) bool { return job.ID == id })
	})
}

// allowed is how many deliveries a job may have handled by now. A job that stood
// still does not catch up in a burst: no more than one delivery and what two
// intervals bring is ever saved up.
func (p paces) allowed(job postback.ReplayJob, now time.Time) int {
	if job.Rate == 0 {
		return unlimited
	}
	known, seen := p[job.ID]
	if !seen {
		known = &pace{handled: job.Handled(), at: now}
		if job.Handled() == 0 {
			known.tokens = 1 // the first one goes at once
		}
		p[job.ID] = known
	}
	passed := max(now.Sub(known.at), 0).Seconds()
	most := 1 + job.Rate*(2*replayInterval).Seconds()
	known.tokens, known.at = min(known.tokens+passed*job.Rate, most), now
	// What others did emptied a bucket that was no more than full, so that after a
	// pause not every process has a full one; and one that did not ask for long
	// is not in debt for long.
	p.spend(job)
	known.tokens = max(known.tokens, -most)
	const rounding = 1e-9
	return int(min(max(known.tokens+rounding, 0), unlimited))
}

// spend empties a job's bucket by what it got through with since it was asked.
func (p paces) spend(job postback.ReplayJob) {
	if known, seen := p[job.ID]; seen {
		known.tokens -= float64(job.Handled() - known.handled)
		known.handled = job.Handled()
	}
}

// newReplayLimiter holds the rate at which a process reopens deliveries for all
// replays. No more than two intervals bring is ever saved up.
func newReplayLimiter(perSecond int) *rate.Limiter {
	if perSecond == 0 {
		return rate.NewLimiter(rate.Inf, unlimited)
	}
	return rate.NewLimiter(rate.Limit(perSecond), max(1, int(float64(perSecond)*(2*replayInterval).Seconds())))
}
