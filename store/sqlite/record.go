package sqlite

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

const readDue = `SELECT ` + dueColumns + ` FROM deliveries d JOIN events e ON e.id = d.event_id WHERE d.id = ?`

// Both moves change nothing when the delivery does not wait for the attempt any
// more, or stands in a state that has no such arrow.
const (
	moveWithAttempt = `UPDATE deliveries SET state = ?, reason = ?, next_attempt_at = ?, sweep_at = ?, completed_at = ?,
		probe = 0, attempts = attempts + 1, last_status_code = ?, last_error = ?
		WHERE id = ? AND generation = ? AND attempts = ? AND state IN (?, ?, ?)`
	moveWithout = `UPDATE deliveries SET state = ?, reason = ?, next_attempt_at = ?, sweep_at = ?, completed_at = ?, probe = 0,
		last_error = coalesce(nullif(?, ''), last_error)
		WHERE id = ? AND generation = ? AND attempts = ? AND state IN (?, ?, ?)`
)

// insertAttempt finds the delivery by its id, and writes nothing when there is
// none or when this attempt is there already: a worker that got no answer may
// record it again.
const insertAttempt = `INSERT INTO attempts
	(delivery, generation, number, trigger, started_at, duration, outcome, status_code, error_code, error_message,
	 request, request_body, response, response_body, source_ip, trace_id, secret_version, notes)
	SELECT d.seq, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18
	FROM deliveries d WHERE d.id = ?1 AND NOT EXISTS (
		SELECT 1 FROM attempts a WHERE a.delivery = d.seq AND a.generation = ?2 AND a.number = ?3 AND a.started_at = ?5)`

// Due returns the delivery and its event if ref is still the attempt that the
// delivery waits for; otherwise CodeConflict, or CodeNotFound.
func (l *Ledger) Due(ctx context.Context, ref postback.Ref) (postback.Due, error) {
	due, err := single(ctx, l.reads, "delivery", store.DueDest, readDue, ref.DeliveryID)
	if err != nil {
		return postback.Due{}, err
	}
	if due.Delivery.Ref() != ref || !store.Waits(due.Delivery.State) {
		return postback.Due{}, movedOn(ref)
	}
	return due, nil
}

// Record appends the transition's attempt, if it has one, and moves the
// delivery on. CodeConflict says that only the attempt was written.
func (l *Ledger) Record(ctx context.Context, move postback.Transition) error {
	var attempt []any
	if move.Attempt != nil {
		var err error
		if attempt, err = attemptArgs(*move.Attempt); err != nil {
			return err
		}
	}
	moved, err := write(ctx, l.writer, 2, func(ctx context.Context, db *session) (bool, error) {
		moved, err := advance(ctx, db, move)
		if err != nil {
			return false, err
		}
		if attempt != nil {
			if _, err := db.exec(ctx, insertAttempt, attempt...); err != nil {
				return false, fmt.Errorf("write attempt: %w", err)
			}
		}
		if moved && move.To.Ended() {
			err = followEnd(ctx, db, ending{id: move.Ref.DeliveryID, state: move.To, attempted: move.Attempt != nil, at: move.At})
		}
		return moved, err
	})
	if err == nil && !moved {
		return movedOn(move.Ref)
	}
	return err
}

// ending is the end of a delivery.
type ending struct {
	id        string
	state     postback.State
	attempted bool // an attempt led to it
	at        time.Time
}

// followEnd does what the end of a delivery brings with it. One for which a replay
// sent nothing takes back how it had ended, and is no new dead letter.
func followEnd(ctx context.Context, db *session, end ending) error {
	var back int64
	var err error
	if !end.attempted {
		if back, err = db.exec(ctx, takeBack, end.id); err != nil {
			return fmt.Errorf("take replay back: %w", err)
		}
	}
	if end.state == postback.Dead && back == 0 {
		if err := noteDeadLetter(ctx, db, end.id); err != nil {
			return err
		}
	}
	return passOn(ctx, db, end.id, end.at)
}

func movedOn(ref postback.Ref) error {
	return postback.Failure(postback.CodeConflict,
		"the delivery %s does not wait for attempt %d of generation %d", ref.DeliveryID, ref.Attempt, ref.Generation)
}

// advance moves the delivery on and reports whether it did; CodeNotFound.
func advance(ctx context.Context, db *session, move postback.Transition) (bool, error) {
	query, args := moveWithout, []any{string(move.To), "", nil, nil, nil}
	if store.Carries(move.To) {
		args[1] = string(move.Reason)
	}
	if store.Waits(move.To) {
		args[2], args[3] = micros(move.NextAttemptAt), micros(move.SweepAt)
	}
	if move.To.Ended() {
		args[4] = micros(move.At)
	}
	if move.Attempt != nil {
		query = moveWithAttempt
		args = append(args, move.Attempt.StatusCode)
	}
	args = append(args, move.Failure())
	args = append(args, move.Ref.DeliveryID, move.Ref.Generation, move.Ref.Attempt-1)
	args = append(args, sources(move)...)
	changed, err := db.exec(ctx, query, args...)
	if err != nil {
		return false, fmt.Errorf("move delivery: %w", err)
	}
	if changed == 0 {
		_, err = single(ctx, db, "delivery", func(seq *int64) []any { return []any{seq} },
			`SELECT seq FROM deliveries WHERE id = ?`, move.Ref.DeliveryID)
	}
	return changed > 0, err
}

// sources are the three places of a statement for the states that a delivery
// may come from: pending, retrying and parked at most.
func sources(move postback.Transition) []any {
	places := []any{"", "", ""}
	for i, state := range store.Sources(move) {
		places[i] = string(state)
	}
	return places
}

// attemptArgs are the arguments of insertAttempt.
func attemptArgs(attempt postback.Attempt) ([]any, error) {
	a, err := store.TakeApart(attempt)
	if err != nil {
		return nil, fmt.Errorf("write attempt: %w", err)
	}
	return []any{
		a.DeliveryID, a.Generation, a.Number, string(a.Trigger), micros(a.StartedAt), int64(a.Duration / time.Nanosecond),
		string(a.Outcome), a.StatusCode, a.Failure.Code, strings.ToValidUTF8(a.Failure.Message, "\uFFFD"),
		a.RequestText, a.RequestBody, a.ResponseText, a.ResponseBody,
		a.SourceIP, a.TraceID, a.SecretVersion, a.NotesText,
	}, nil
}
