package dispatcher

import (
	"cmp"
	"maps"
	"slices"

	"github.com/waybillhq/waybill/postback"
)

// rounds remember when each of several had its last turn, so that who has waited
// longest is next. They are one goroutine's.
type rounds struct {
	turns int
	last  map[string]int
}

// took notes that one had a turn.
func (r *rounds) took(name string) {
	if r.last == nil {
		r.last = map[string]int{}
	}
	r.turns++
	r.last[name] = r.turns
}

// compare orders those that are to have their turn.
func (r *rounds) compare(a, b string) int { return cmp.Compare(r.last[a], r.last[b]) }

// keep forgets all others.
func (r *rounds) keep(names []string) {
	maps.DeleteFunc(r.last, func(name string, _ int) bool { return !slices.Contains(names, name) })
}

// replayTurn is what the replays may do together until the next turn.
type replayTurn struct {
	publishers []string // who waited longest comes first
	moves      map[string][]*replayMove
	room       int // how many more deliveries may be reopened
	part       int // and how many of these by one step: each publisher has an equal part
}

// replayMove is a job in one turn.
type replayMove struct {
	job    postback.ReplayJob
	turn   *replayTurn
	looked bool
	moved  bool // it took a step
	room   int  // how many more may be reopened in this turn, once it was looked
}

// replayTurn begins a turn of the running jobs.
func (d *Dispatcher) replayTurn(jobs []postback.ReplayJob) *replayTurn {
	turn := &replayTurn{room: int(d.replays.TokensAt(d.now())), moves: map[string][]*replayMove{}}
	var ids []string
	for _, job := range jobs {
		ids = append(ids, job.ID)
		publisher := job.Filter.Publisher // empty: of all
		if turn.moves[publisher] = append(turn.moves[publisher], &replayMove{job: job, turn: turn}); len(turn.moves[publisher]) == 1 {
			turn.publishers = append(turn.publishers, publisher)
		}
	}
	d.jobRounds.keep(ids)
	d.publisherRounds.keep(turn.publishers)
	slices.SortStableFunc(turn.publishers, d.publisherRounds.compare)
	for _, moves := range turn.moves {
		slices.SortStableFunc(moves, func(a, b *replayMove) int { return d.jobRounds.compare(a.job.ID, b.job.ID) })
	}
	turn.part = max(1, turn.room/max(1, len(turn.publishers)))
	return turn
}
