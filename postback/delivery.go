package postback

import (
	"bytes"
	"slices"
	"strings"
	"time"
)

// State is where a delivery stands. docs/state_machine.md draws the arrows.
type State string

// The states of a delivery.
const (
	Pending   State = "pending"   // no attempt yet in this generation
	Retrying  State = "retrying"  // an attempt failed, the next one is set
	Parked    State = "parked"    // waits in the ledger alone
	Succeeded State = "succeeded" // the endpoint answered with success
	Dead      State = "dead"      // a dead letter
	Cancelled State = "cancelled" // nobody wants it any more
)

// States lists every state in the order of a delivery's life.
func States() []State {
	return []State{Pending, Retrying, Parked, Succeeded, Dead, Cancelled}
}

// Ended reports whether the state is final: only a replay leaves it.
func (s State) Ended() bool { return s == Succeeded || s == Dead || s == Cancelled }

// CanBecome reports whether a delivery may move from s to next. Staying
// retrying is a move: one more failed attempt. A parked delivery succeeds by an
// attempt that was in flight when it was parked. A move from an ended state to
// pending is a replay.
func (s State) CanBecome(next State) bool {
	switch s {
	case Pending, Retrying:
		return next != Pending && slices.Contains(States(), next)
	case Parked:
		return slices.Contains([]State{Pending, Retrying, Succeeded, Dead, Cancelled}, next)
	case Succeeded, Dead, Cancelled:
		return next == Pending
	default:
		return false
	}
}

// Reason says why a delivery is parked, dead or cancelled.
type Reason string

// The reasons, by the state that carries them.
const (
	ReasonPaused      Reason = "paused"       // parked: an operator paused the endpoint
	ReasonDisabled    Reason = "disabled"     // parked: the endpoint is disabled until somebody has mended it
	ReasonCircuitOpen Reason = "circuit_open" // parked: the endpoint keeps failing and is probed now and then
	ReasonOverLimit   Reason = "over_limit"   // parked: the endpoint has as much under way as it may
	ReasonOrdered     Reason = "ordered"      // parked: an earlier delivery must end first

	ReasonExhausted  Reason = "attempts_exhausted" // dead: every attempt of the retry policy failed
	ReasonNotRetried Reason = "not_retried"        // dead: the retry policy does not try again after such a failure
	ReasonStopped    Reason = "stopped"            // dead: the answer is one that the retry policy stops on
	ReasonMaxAge     Reason = "max_age"            // dead: older than the retry policy allows
	ReasonRefused    Reason = "refused"            // dead: the target address is one that is never sent to
	ReasonUnsendable Reason = "unsendable"         // dead: the scheme cannot carry this event to this endpoint
	ReasonExample    Reason = "example_failed"     // dead: an example is tried once

	ReasonEndpointDeleted Reason = "endpoint_deleted" // cancelled: the endpoint was deleted
)

// Reasons lists every reason, of parked deliveries first.
func Reasons() []Reason {
	return append(ParkedReasons(),
		ReasonExhausted, ReasonNotRetried, ReasonStopped, ReasonMaxAge, ReasonRefused, ReasonUnsendable, ReasonExample,
		ReasonEndpointDeleted)
}

// ParkedReasons lists the reasons of parked deliveries.
func ParkedReasons() []Reason {
	return []Reason{ReasonPaused, ReasonDisabled, ReasonCircuitOpen, ReasonOverLimit, ReasonOrdered}
}

// Delivery is one event for one endpoint.
type Delivery struct {
	ID         string // "dlv_" and 32 hexadecimal digits
	EventID    string
	EventType  string
	Publisher  string
	EndpointID string
	// Reference is the value of the field of the event's data that the scheme
	// names for looking a delivery up, such as a transaction's id; at most
	// MaxReference bytes, empty when there is none.
	Reference string
	// OrderKey puts deliveries of the endpoint with the same one into an ordering group:
	// each waits until the one before has ended. Empty for none.
	OrderKey string
	State    State
	Reason   Reason // empty unless parked, dead or cancelled
	Test     bool
	// Probe says that it was released to find out whether its endpoint has
	// recovered, though its circuit is open. The next move of it clears this.
	Probe bool

	// Generation counts from 1; each replay opens the next one.
	Generation int
	// Attempts counts all attempts made. AttemptsBefore of them were made in
	// earlier generations and do not count against the retry policy.
	Attempts       int
	AttemptsBefore int

	LastStatusCode int    // 0 when there was no answer
	LastError      string // see FailureOf; of the last failure, or of what keeps the next attempt from being made

	CreatedAt     time.Time
	OpenedAt      time.Time // creation, or the last replay: MaxAge counts from here
	NextAttemptAt time.Time // zero when ended or parked
	CompletedAt   time.Time // zero until ended
	// SweepAt is when the sweeper looks at the delivery again: the moment it
	// falls due when it has no task in the queue, some time later when it has.
	// Zero when ended or parked.
	SweepAt time.Time
}

// fieldMark stands in LastError between the code of a failure and its field.
const fieldMark = ": "

// FailureOf is the LastError of a failure: its code, such as "timeout", and the
// field that it is about, if it is about one, as in "value_missing: data.uid".
func FailureOf(code, field string) string {
	if field == "" {
		return code
	}
	return code + fieldMark + field
}

// FailedCode is the code that LastError begins with; empty when there is none.
func (d Delivery) FailedCode() string {
	code, _, _ := strings.Cut(d.LastError, fieldMark)
	return code
}

// FailedField is the field that LastError is about; empty when it is about none.
func (d Delivery) FailedField() string {
	_, field, _ := strings.Cut(d.LastError, fieldMark)
	return field
}

// MaxReference bounds Delivery.Reference in bytes; longer ones are not kept.
const MaxReference = 255

// MessageID is what receivers know the delivery by: the same for every
// attempt, retry and replay.
func (d Delivery) MessageID() string { return MessageID(d.ID) }

// MessageID is the 32 hexadecimal digits of a delivery's id.
func MessageID(deliveryID string) string { return strings.TrimPrefix(deliveryID, "dlv_") }

// NextAttempt is the number of the attempt that the delivery waits for.
func (d Delivery) NextAttempt() int { return d.Attempts + 1 }

// Ref is the delivery together with the attempt that it waits for.
func (d Delivery) Ref() Ref {
	return Ref{DeliveryID: d.ID, Generation: d.Generation, Attempt: d.NextAttempt()}
}

// Ref names one attempt of one generation of a delivery: what a task is for,
// and what the ledger checks before it moves the delivery on.
type Ref struct {
	DeliveryID string
	Generation int
	Attempt    int
}

// Due is a delivery that should be tried, with the event that it carries.
type Due struct {
	Delivery Delivery
	Event    Event
	// Unqueued says of a delivery that was claimed that nobody had claimed it for
	// this attempt before: there is no task of it, and nobody makes it.
	Unqueued bool
}

// Claim says which of the deliveries that are due are claimed. When more are due
// than it takes, each endpoint has its turn.
type Claim struct {
	// Now is the time by which they are due, and Next when they are due again,
	// unless they have moved on by then.
	Now, Next time.Time
	Limit     int
	Each      int             // of one endpoint; 0: as many as the limit
	Except    map[string]bool // endpoints of which none is claimed
}

// Acceptance is an event with the deliveries created for it: what the ledger is
// asked to write, and how it answered.
type Acceptance struct {
	Event      Event
	Deliveries []Delivery
	// Warnings say which endpoints do not get the event, and why. The ledger does
	// not keep them.
	Warnings []Warning
	// Duplicate says that the ledger had this event already; Event and
	// Deliveries are then the ones it had, with the data as it was sent now: by its
	// digest it says the same.
	Duplicate bool
	// Err is CodeConflict when the ledger has other content under this id, and
	// CodeUnavailable when it cannot say what it has: sending again is right.
	Err error
}

// Answer answers for an event that is recorded already: as a duplicate of what
// is recorded, or with CodeConflict when that has other content. What is recorded may
// come without its data.
func (a Acceptance) Answer(recorded Event, deliveries []Delivery) Acceptance {
	if !bytes.Equal(recorded.Digest, a.Event.Digest) {
		a.Err = Failure(CodeConflict,
			"an event with the id %q was accepted with other content; send changed content under a new id", a.Event.ID)
		return a
	}
	recorded.Data = a.Event.Data
	return Acceptance{Event: recorded, Deliveries: deliveries, Duplicate: true}
}

// Transition moves a delivery on from the attempt that it waited for. With an
// Attempt it is what came of that attempt; without one the delivery is parked,
// put off or ended before anything was sent.
type Transition struct {
	Ref     Ref // must still be what the delivery waits for
	To      State
	Reason  Reason
	Attempt *Attempt
	// Cause is what keeps an attempt from being made, such as "secret_sealed", or why
	// the Attempt failed, when there is more to say than its error's code. It becomes
	// the delivery's LastError; see Failure.
	Cause string
	At    time.Time // when it happened; CompletedAt of an ended delivery
	// NextAttemptAt and SweepAt are set when To is pending or retrying.
	NextAttemptAt time.Time
	SweepAt       time.Time
}

// Failure is the LastError that the delivery gets. Without an Attempt, empty means
// that it keeps the one that it has.
func (t Transition) Failure() string {
	if t.Cause == "" && t.Attempt != nil && t.Attempt.Error != nil {
		return t.Attempt.Error.Code
	}
	return t.Cause
}

// Reopened is the answer for one delivery that was asked to be replayed: what
// is due now, or why not.
type Reopened struct {
	ID  string
	Due Due
	Err error // CodeNotFound, CodeNotEnded or CodeEndpointDeleted
}
