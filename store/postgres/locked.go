package postgres

import (
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

// lockedDelivery is a delivery whose row is locked: as it is, and as it is to be written.
type lockedDelivery struct {
	id, endpointID         string
	orderKey               string
	eventSeq               int64 // its place in its ordering group
	state                  postback.State
	reason                 postback.Reason
	generation, attempts   int
	attemptsBefore         int
	lastStatusCode         int
	lastError              string
	completedAt            time.Time
	nextAttemptAt, sweepAt time.Time // when planned
	probe                  bool      // when planned
	test                   bool

	changed bool // its row
	planned bool // when its turn comes, or that it never does
}

func lockedDest(s *lockedDelivery) []any {
	return []any{
		&s.id, &s.endpointID, &s.orderKey, &s.eventSeq, &s.state, &s.reason, &s.generation, &s.attempts, &s.attemptsBefore, &s.lastStatusCode, &s.lastError, store.At(&s.completedAt), &s.test,
	}
}

// become changes the state.
func (s *lockedDelivery) become(state postback.State, reason postback.Reason) {
	s.changed = s.changed || s.state != state || s.reason != reason
	s.state, s.reason, s.planned, s.probe = state, reason, true, false
	s.completedAt, s.nextAttemptAt, s.sweepAt = time.Time{}, time.Time{}, time.Time{}
}

// releasable reports whether the delivery is parked, and not for others of its ordering group.
func (s *lockedDelivery) releasable() bool {
	return s.state == postback.Parked && s.reason != postback.ReasonOrdered
}

// release makes a parked delivery due.
func (s *lockedDelivery) release(at time.Time) {
	state := postback.Retrying
	if s.attempts == s.attemptsBefore {
		state = postback.Pending
	}
	s.become(state, "")
	s.nextAttemptAt, s.sweepAt = at, at
}

// end ends the delivery without an attempt.
func (s *lockedDelivery) end(state postback.State, reason postback.Reason, at time.Time) {
	s.become(state, reason)
	s.completedAt = at
}

// unsent says that a replay opened the delivery and no attempt was made since.
func (s lockedDelivery) unsent() bool { return s.generation > 1 && s.attempts == s.attemptsBefore }

// move moves the delivery on, unless it does not wait for the attempt any more
// or stands in a state that has no such arrow.
func (s *lockedDelivery) move(m postback.Transition) bool {
	if s.generation != m.Ref.Generation || s.attempts != m.Ref.Attempt-1 || !slices.Contains(store.Sources(m), s.state) {
		return false
	}
	reason := m.Reason
	if !store.Carries(m.To) {
		reason = ""
	}
	s.become(m.To, reason)
	if store.Waits(m.To) {
		s.nextAttemptAt, s.sweepAt = m.NextAttemptAt, m.SweepAt
	}
	if m.To.Ended() {
		s.completedAt = m.At
	}
	s.follow(m)
	return true
}

// follow keeps what a move says of the last attempt, or of what keeps the next
// one from being made.
func (s *lockedDelivery) follow(m postback.Transition) {
	switch {
	case m.Attempt != nil:
		s.changed = true
		s.attempts++
		s.lastStatusCode, s.lastError = m.Attempt.StatusCode, m.Failure()
	case m.Cause != "":
		s.changed = s.changed || s.lastError != m.Cause
		s.lastError = m.Cause
	}
}

// movesBatch writes where deliveries stand now, and their attempts.
func movesBatch(ids []string, locked map[string]*lockedDelivery, attempts []postback.Attempt) (*pgx.Batch, error) {
	changed, planned, ended := sortOut(ids, locked)
	batch := &pgx.Batch{}
	if len(changed) > 0 {
		batch.Queue(moveDeliveries, changedArgs(changed)...)
	}
	var err error
	byKey(batch, func() {
		if len(planned) > 0 {
			batch.Queue(moveWaiting, plannedArgs(planned)...)
		}
		if len(ended) > 0 {
			err = queueEnds(batch, ended)
		}
	})
	if err != nil {
		return nil, err
	}
	if len(attempts) > 0 {
		args, err := attemptArgs(attempts)
		if err != nil {
			return nil, err
		}
		batch.Queue(insertAttempts, args...)
	}
	return batch, nil
}

// byKey has statements of a transaction find each row by its key. Of a table that
// was empty when it was last looked at, as that of what waits mostly is, the planner
// thinks that it is still next to empty, and would read all of it, for each row anew.
// Without scans of the table and plain ones of an index the key is all that is left
// to look by.
func byKey(batch *pgx.Batch, queue func()) {
	batch.Queue("SET LOCAL enable_indexscan = off")
	batch.Queue("SET LOCAL enable_seqscan = off")
	queue()
	batch.Queue("SET LOCAL enable_indexscan TO DEFAULT")
	batch.Queue("SET LOCAL enable_seqscan TO DEFAULT")
}

// queueEnds ends deliveries. Those that a replay opened, and for which nothing was
// sent, take back how they had ended, and are no new dead letters, unless that was
// not noted when they were opened.
func queueEnds(batch *pgx.Batch, ended []lockedDelivery) error {
	unsent := slices.DeleteFunc(slices.Clone(ended), func(s lockedDelivery) bool { return !s.unsent() })
	if len(unsent) > 0 {
		batch.Queue(takeBack, keyArgs(unsent)...)
		queueUnnotedDeadLetters(batch, unsent)
	}
	batch.Queue(endWaiting, keyArgs(ended)...)
	return queueDeadLetters(batch, slices.DeleteFunc(ended, lockedDelivery.unsent))
}

func sortOut(ids []string, all map[string]*lockedDelivery) (changed, planned, ended []lockedDelivery) {
	for _, id := range ids {
		s, found := all[id]
		if !found {
			continue
		}
		if s.changed {
			changed = append(changed, *s)
		}
		switch {
		case s.planned && waits(s.state):
			planned = append(planned, *s)
		case s.planned:
			ended = append(ended, *s)
		}
	}
	return changed, planned, ended
}

func keyArgs(rows []lockedDelivery) []any {
	return []any{
		texts(rows, func(s lockedDelivery) string { return s.endpointID }),
		texts(rows, func(s lockedDelivery) string { return s.id }),
	}
}

func changedArgs(rows []lockedDelivery) []any {
	return []any{
		texts(rows, func(s lockedDelivery) string { return s.id }),
		texts(rows, func(s lockedDelivery) postback.State { return s.state }),
		texts(rows, func(s lockedDelivery) postback.Reason { return s.reason }),
		column(rows, func(s lockedDelivery) int { return s.attempts }),
		column(rows, func(s lockedDelivery) int { return s.lastStatusCode }),
		texts(rows, func(s lockedDelivery) string { return s.lastError }),
		times(rows, func(s lockedDelivery) time.Time { return s.completedAt }),
	}
}

func plannedArgs(rows []lockedDelivery) []any {
	return append(keyArgs(rows),
		texts(rows, func(s lockedDelivery) postback.State { return s.state }),
		texts(rows, func(s lockedDelivery) postback.Reason { return s.reason }),
		times(rows, func(s lockedDelivery) time.Time { return s.nextAttemptAt }),
		times(rows, func(s lockedDelivery) time.Time { return s.sweepAt }),
		column(rows, func(s lockedDelivery) bool { return s.probe }),
		column(rows, func(s lockedDelivery) int { return s.lastStatusCode }),
	)
}
