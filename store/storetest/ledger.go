package storetest

import (
	"context"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// Ledger is everything that Waybill asks of a store. Each caller declares the
// few methods that it uses; this sum of them is what the suite checks.
//
// Every method that writes is durable when it returns nil. Every error is
// either a *postback.Error (invalid_request, not_found, conflict,
// delivery_not_ended) or means that the ledger could not be reached: then
// nothing was written. One exception: when ctx ends while a write waits for its
// commit, it may still be written. Accept is therefore idempotent by event id,
// and Record by attempt. Arguments must not be changed after such an error.
//
// Times are kept to the microsecond and returned in UTC.
type Ledger interface {
	Intake
	Queue
	Parking
	FailureStreaks
	Traffic
	Backlog
	Notices
	Blocks
	Outages
	Strays
	Endpoints
	Secrets
	History
	Histories
	Replays
	Keys
	Schemes
	Fingerprints
	Retention
	Store
}

// Intake accepts events.
type Intake interface {
	// Accept writes each event with its deliveries, all of an acceptance or
	// nothing of it, and answers in the same order. When the call fails, nothing
	// of it was written. Concurrent callers share a transaction. An id that the ledger has already, or that stands twice in
	// the call, is answered as Duplicate with what is stored (same Digest), but for the
	// data, which is as it was sent now and is not read, or
	// with Err CodeConflict (other Digest), or CodeUnavailable when what is stored
	// cannot be read; the other items are written all the same. A rejected event has no deliveries.
	// A delivery may be a dead letter from the start (Dead): it is counted as one,
	// and is in no ordering group.
	// A delivery with an OrderKey is parked as ordered instead while another of
	// its endpoint with the same key has not ended; the answer says so. These go
	// in the order of acceptance: that of the calls, where one began when another
	// was answered, and that of the items in a call. Times say nothing of it.
	// When the one before it has ended, the next becomes due then; or it is parked
	// with those of its endpoint that are parked for other reasons, for theirs.
	Accept(ctx context.Context, items []postback.Acceptance) ([]postback.Acceptance, error)
	// Deliver adds deliveries to an event that is recorded, for endpoints that have
	// none of it, and returns those that it wrote, as Accept does; CodeNotFound. The
	// event is not unmatched then. However many callers do so at once, no endpoint
	// gets a second delivery of it. The ids are of the time at which the event was
	// accepted, as is CreatedAt.
	Deliver(ctx context.Context, eventID string, deliveries []postback.Delivery) ([]postback.Delivery, error)
}

// Queue moves deliveries on.
type Queue interface {
	// Due returns the delivery and its event if ref is still the attempt that
	// the delivery waits for (same generation, next attempt number, pending or
	// retrying); otherwise CodeConflict, or CodeNotFound.
	Due(ctx context.Context, ref postback.Ref) (postback.Due, error)
	// Record appends the transition's attempt, if it has one, and moves the
	// delivery on, in one transaction (shared with concurrent callers). Without
	// an attempt a pending delivery may stay pending and a retrying one
	// retrying: it is put off. Its LastError is the transition's Failure, if there is
	// an attempt or a Cause. When Ref is no longer what the delivery waits for, or
	// the state machine has no such arrow, the attempt is still appended (it was
	// really made), the delivery stays as it is and the answer is CodeConflict. An attempt that is there already (same generation, number
	// and start) is not appended again. CodeNotFound: nothing was written.
	Record(ctx context.Context, move postback.Transition) error
	// Claim returns pending or retrying deliveries whose SweepAt is not after Now,
	// earliest first (then by id), and sets their SweepAt to Next, so that no other
	// caller gets them before. When more are due than Limit it takes as many of each
	// endpoint, those that have been due longest; when more endpoints have some than
	// Limit, they take turns. What it costs does not depend on how many are due. It
	// may return fewer than there are (to bound memory); none means that there is
	// none of the endpoints that it may take from. One that was written long after
	// it fell due may be found late, by up to a tenth of that time. Unqueued are those
	// whose SweepAt was that of their next attempt.
	Claim(ctx context.Context, claim postback.Claim) ([]postback.Due, error)
	// Requeue sets SweepAt back to a microsecond before NextAttemptAt, at which nobody
	// takes them for ones that were never queued, for up to limit waiting deliveries whose task was in a queue that is gone (SweepAt is after
	// NextAttemptAt, and not after before: what was claimed later is in the new
	// queue), earliest first, and says how many: call it until it answers 0.
	Requeue(ctx context.Context, before time.Time, limit int) (int, error)
}

// Endpoints keeps endpoints and their sealed secrets.
type Endpoints interface {
	// SaveEndpoint writes a new endpoint (Revision 0) or a changed one, whose
	// Revision must be the stored one (else CodeConflict), together with its
	// Secrets: the given list replaces what is stored. A changed one that is not
	// there is CodeNotFound. A new one whose SchemeRevision is not that of a scheme
	// which is there is CodeConflict in the field "scheme". It returns the endpoint as stored, with its new
	// Revision and its secrets newest version first. Revisions grow over all endpoints in commit order.
	SaveEndpoint(ctx context.Context, endpoint postback.Endpoint) (postback.Endpoint, error)
	// AddEndpoint writes a new endpoint as SaveEndpoint does, unless its publisher
	// has as many that are not deleted as given, or more: CodeLimit, however many are
	// added at once. 0 is no limit.
	AddEndpoint(ctx context.Context, endpoint postback.Endpoint, most int) (postback.Endpoint, error)
	EndpointReader
}

// EndpointReader reads endpoints.
type EndpointReader interface {
	// Endpoint returns one endpoint, a deleted one too; CodeNotFound.
	Endpoint(ctx context.Context, id string) (postback.Endpoint, error)
	// Endpoints lists endpoints, newest first, without deleted ones.
	Endpoints(ctx context.Context, filter postback.EndpointFilter, page postback.Page) ([]postback.Endpoint, string, error)
	// EndpointsSince returns every endpoint, deleted ones too, whose Revision
	// is greater, in order of Revision.
	EndpointsSince(ctx context.Context, revision int64) ([]postback.Endpoint, error)
}

// Secrets notes what secrets do.
type Secrets interface {
	// UseSecrets notes that secrets of endpoints signed attempts; an earlier time
	// than the noted one changes nothing. It is no change of the endpoint: its
	// Revision stays, and SaveEndpoint leaves it alone.
	UseSecrets(ctx context.Context, uses []postback.SecretUse) error
}

// Parking holds and frees an endpoint's deliveries in steps that keep the
// ledger free for others: call each until it answers 0.
type Parking interface {
	ParkedLister
	ParkedEnder
	Mender
	// Release moves up to limit of the endpoint's oldest parked deliveries, other than
	// those that are parked as ordered, back to pending (no attempt in this generation yet)
	// or retrying, due at the given time with SweepAt the same, until window of
	// its deliveries are due (pending or retrying with NextAttemptAt not after
	// the given time), and says how many it moved. Several at once free no more
	// than one alone.
	Release(ctx context.Context, endpointID string, at time.Time, window, limit int) (int, error)
}

// ParkedEnder ends parked deliveries that nobody waits for any more.
type ParkedEnder interface {
	// Cancel ends up to limit waiting deliveries (pending, retrying, parked) of
	// the endpoint as cancelled.
	Cancel(ctx context.Context, endpointID string, reason postback.Reason, at time.Time, limit int) (int, error)
	// Expire ends up to limit parked deliveries of the endpoint that were opened
	// before a time as dead letters (ReasonMaxAge).
	Expire(ctx context.Context, endpointID string, openedBefore, at time.Time, limit int) (int, error)
}

// ParkedLister lists the endpoints that have deliveries parked. It is cheap however
// many deliveries wait.
type ParkedLister interface {
	// ParkedEndpoints lists the ids of the endpoints that have parked
	// deliveries other than ordered ones, in their order.
	ParkedEndpoints(ctx context.Context) ([]string, error)
	// OrderedEndpoints lists the ids of the endpoints that have deliveries parked
	// as ordered, in their order.
	OrderedEndpoints(ctx context.Context) ([]string, error)
}

// Mender finds what would wait for ever.
type Mender interface {
	// MendGroups looks for ordering groups of the endpoint in which deliveries are parked as
	// ordered, and nobody at the head will ever let them go: there is none, it has
	// ended, or it is parked as ordered itself. It lets the next of up to limit such
	// groups go, as the end of their head would have at the given time, and says how
	// many. It is cheap where there is none.
	MendGroups(ctx context.Context, endpointID string, at time.Time, limit int) (int, error)
}

// FailureStreaks keeps which endpoints fail, for all processes: an endpoint
// does from a failure that was noted until it recovers, or is saved as
// deleted, or as enabled after it was disabled.
type FailureStreaks interface {
	// NoteFailures begins an endpoint's streak, or adds to it: the earlier
	// Since and the later FailedAt hold, Failures are added, and LastError is the
	// new one. The rest of what it is given does not matter.
	NoteFailures(ctx context.Context, more postback.FailureStreak) error
	// OpenCircuit marks a failing endpoint as left alone, with the time of
	// its first probe, and writes that as a notice. False: it is already, or is
	// not failing.
	OpenCircuit(ctx context.Context, endpointID string, at, probeAt time.Time) (bool, error)
	// Probe releases the oldest parked delivery of an endpoint whose circuit is
	// open, as Release would, marks it as a probe and sets TriedAt and the time
	// of the next one. It does nothing, and says false, when nothing is parked or when
	// another process has sent this probe: the streak's ProbeAt is not what is
	// stored.
	Probe(ctx context.Context, streak postback.FailureStreak, at, next time.Time) (bool, error)
	StreakReader
}

// StreakReader reads and ends streaks.
type StreakReader interface {
	// Recover ends an endpoint's streak and returns it, to one caller only;
	// false when there is none. If its circuit was open, that is a notice.
	Recover(ctx context.Context, endpointID string, at time.Time) (postback.FailureStreak, bool, error)
	// FailureStreak returns an endpoint's; false when there is none.
	FailureStreak(ctx context.Context, endpointID string) (postback.FailureStreak, bool, error)
	// FailureStreaks lists all of them, by endpoint.
	FailureStreaks(ctx context.Context) ([]postback.FailureStreak, error)
	// StreaksSince tells what changed of them since the Mark that it gave before,
	// however long a change took to be committed; 0 has all of them told. Of an
	// endpoint whose streak ended and began again it tells the new one. It may tell
	// something again, and all when it does not know. While nothing changes it costs
	// the same however many endpoints are failing.
	StreaksSince(ctx context.Context, mark int64) (postback.StreakChanges, error)
}

// Traffic keeps what processes counted of attempts, by endpoints and by slots of
// time; how long a slot is, those who count agree on.
type Traffic interface {
	// SaveCounts writes what a process counted: each count takes the place of
	// what the process wrote before for the same endpoint and slot. No two of a
	// call are for the same.
	SaveCounts(ctx context.Context, process string, counted []postback.AttemptCounts) error
	// Counts lists what processes counted for an endpoint in the given slots, by
	// slot, and of a slot by process.
	Counts(ctx context.Context, endpointID string, slots []time.Time) ([]postback.AttemptCounts, error)
	// PruneCounts forgets up to limit counts of slots that began before a time,
	// and says how many. Several callers may do so at once.
	PruneCounts(ctx context.Context, before time.Time, limit int) (int, error)
}

// Backlog counts what has not ended, without a look at what it counts.
type Backlog interface {
	// Waiting counts an endpoint's deliveries that have not ended. It stops at
	// limit with the pending and retrying ones together, and with the parked ones
	// of each reason, so that it is cheap however many wait.
	Waiting(ctx context.Context, endpointID string, limit int) (postback.Waiting, error)
	// WaitingAll counts those of all endpoints, each of them; Oldest is left zero.
	WaitingAll(ctx context.Context) (postback.Waiting, error)
}

// Notices keeps the alerts that were not sent yet. Each is written in the
// transaction that makes it true: by OpenCircuit, by Recover, by the SaveEndpoint
// that disables an endpoint, and, of dead letters, by SumDeadLetters. Nobody can
// foresee its id.
type Notices interface {
	// SumDeadLetters makes notices of the dead letters from before a time that none
	// counts, one for each endpoint, which may count younger ones too. A delivery
	// is counted once each time it becomes a dead letter; an example never is.
	SumDeadLetters(ctx context.Context, before time.Time) error
	// Notices lists up to limit of those that are due at a time, oldest first. Of an
	// endpoint's state store.AlertsAtOnce are due at once and one each
	// store.AlertEvery after that: the newest of those that waited, and none of an
	// endpoint that was enabled or deleted meanwhile.
	Notices(ctx context.Context, at time.Time, limit int) ([]postback.Notice, error)
	// ForgetNotice removes one; true for one caller only.
	ForgetNotice(ctx context.Context, id string) (bool, error)
}

// Blocks keeps why nothing can be sent to endpoints.
type Blocks interface {
	// NoteBlock writes that an endpoint was found blocked, at its At. It is blocked
	// since the first time, however the cause changes, unless it was not found to be
	// for postback.BlockLasts. What was found last stays, whatever is written later.
	NoteBlock(ctx context.Context, block postback.Block) error
	// Block returns what was found last of an endpoint, at a time or later; false
	// when nothing was.
	Block(ctx context.Context, endpointID string, from time.Time) (postback.Block, bool, error)
}

// Outages keeps which processes cannot send, through no fault of an endpoint. All
// of them together are one outage: it begins with the first process that is in it,
// and ends with the last.
type Outages interface {
	// NoteOutage writes that a process is in one, or what has become of it. The
	// first process is a notice (NoticeDown).
	NoteOutage(ctx context.Context, outage postback.Outage) error
	// EndOutage takes a process out of it at a time. The last one is a notice
	// (NoticeUp) with the earliest Since of all that were in it, the reason and
	// message of that one, and the most deliveries and endpoints that one held.
	// A process that is in no outage changes nothing.
	EndOutage(ctx context.Context, process string, at time.Time) error
	// Outages lists the processes that are in one, by process.
	Outages(ctx context.Context) ([]postback.Outage, error)
}

// Strays finds events that reached nobody.
type Strays interface {
	// Unmatched lists by publisher the events that were accepted at or after one
	// time and before another and that no endpoint wants, those of an operator and
	// examples left out; the publisher that has most of them first, then by name. It
	// counts the first limit of them, and costs no more than that.
	Unmatched(ctx context.Context, since, until time.Time, limit int) ([]postback.Unmatched, error)
}
