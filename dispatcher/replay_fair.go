package dispatcher

import (
	"cmp"
	"maps"
	"slices"

	"github.com/waybillhq/waybill/postback"
)

// served remembers who was served when, so that who has waited longest is next. It is
// one goroutine's.
type served struct {
	count int
	last  map[string]int
}

// note notes that one was served.
func (s *served) note(name string) {
	if s.last == nil {
		s.last = map[string]int{}
	}
	s.count++
	s.last[name] = s.count
}

// compare orders by who has waited longest.
func (s *served) compare(a, b string) int { return cmp.Compare(s.last[a], s.last[b]) }

// keep forgets all others.
func (s *served) keep(names []string) {
	maps.DeleteFunc(s.last, func(name string, _ int) bool { return !slices.Contains(names, name) })
}

// replayRound is what the replays may do together in one run of the job.
type replayRound struct {
	publishers []string // who waited longest comes first
	moves      map[string][]*replayMove
	room       int // how many more deliveries may be reopened
	part       int // and how many of these by one step: each publisher has an equal part
}

// replayMove is a job in one round.
type replayMove struct {
	job      postback.ReplayJob
	round    *replayRound
	measured bool
	moved    bool // it took a step
	room     int  // how many more may be reopened in this round, once it is measured
}

// round begins a round of the running jobs.
func (w *replayWork) round(jobs []postback.ReplayJob) *replayRound {
	round := &replayRound{room: int(w.limiter.TokensAt(w.now())), moves: map[string][]*replayMove{}}
	var ids []string
	for _, job := range jobs {
		ids = append(ids, job.ID)
		publisher := job.Filter.Publisher // empty: of all
		if round.moves[publisher] = append(round.moves[publisher], &replayMove{job: job, round: round}); len(round.moves[publisher]) == 1 {
			round.publishers = append(round.publishers, publisher)
		}
	}
	w.jobs.keep(ids)
	w.publishers.keep(round.publishers)
	slices.SortStableFunc(round.publishers, w.publishers.compare)
	for _, moves := range round.moves {
		slices.SortStableFunc(moves, func(a, b *replayMove) int { return w.jobs.compare(a.job.ID, b.job.ID) })
	}
	round.part = max(1, round.room/max(1, len(round.publishers)))
	return round
}
