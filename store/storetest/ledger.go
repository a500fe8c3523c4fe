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
	Troubles
	Traffic
	Backlog
	Notices
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
	// the call, is answered as Duplicate with what is stored (same Digest), or
	// with Err CodeConflict (other Digest). A rejected event has no deliveries.
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
	// retrying: it is put off. A Cause becomes its LastError. When Ref is no longer what the delivery waits
	// for, or the state machine has no such arrow, the attempt is still appended
	// (it was really made), the delivery stays as it is and the answer is
	// CodeConflict. An attempt that is there already (same generation, number
	// and start) is not appended again. CodeNotFound: nothing was written.
	Record(ctx context.Context, move postback.Transition) error
	// Claim returns pending or retrying deliveries whose SweepAt is not after Now,
	// earliest first (then by id), and sets their SweepAt to Next, so that no other
	// caller gets them before. When more are due than Limit it takes as many of each
	// endpoint, those that have been due longest; when more endpoints have some than
	// Limit, they take turns. What it costs does not depend on how many are due. It
	// may return fewer than there are (to bound memory); none means that there is
	// none of the endpoints that it may take from. One that was written long after
	// it fell due may be found late, by up to a tenth of that time.
	Claim(ctx context.Context, claim postback.Claim) ([]postback.Due, error)
	// Requeue sets SweepAt back to NextAttemptAt for up to limit waiting
	// deliveries whose task was in a queue that is gone (SweepAt is after
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
	// MendRows looks for rows of the endpoint in which deliveries are parked as
	// ordered, and nobody at the head will ever let them go: there is none, it has
	// ended, or it is parked as ordered itself. It lets the next of up to limit such
	// rows go, as the end of their head would have at the given time, and says how
	// many. It is cheap where there is none.
	MendRows(ctx context.Context, endpointID string, at time.Time, limit int) (int, error)
}

// Troubles keeps which endpoints fail, for all processes: an endpoint is in
// trouble from a failure that was noted until it recovers, or is saved as
// deleted, or as enabled after it was disabled.
type Troubles interface {
	// NoteFailures begins an endpoint's trouble, or adds to it: the earlier
	// Since and the later FailedAt hold, Failures are added, and LastError is the
	// new one. The rest of what it is given does not matter.
	NoteFailures(ctx context.Context, more postback.Trouble) error
	// OpenCircuit marks an endpoint in trouble as left alone, with the time of
	// its first probe, and writes that as a notice. False: it is already, or is
	// in no trouble.
	OpenCircuit(ctx context.Context, endpointID string, at, probeAt time.Time) (bool, error)
	// Probe releases the oldest parked delivery of an endpoint whose circuit is
	// open, as Release would, marks it as a probe and sets TriedAt and the time
	// of the next one. It does nothing, and says false, when nothing is parked or when
	// another process has sent this probe: the trouble's ProbeAt is not what is
	// stored.
	Probe(ctx context.Context, trouble postback.Trouble, at, next time.Time) (bool, error)
	TroubleReader
}

// TroubleReader reads and ends troubles.
type TroubleReader interface {
	// Recover ends an endpoint's trouble and returns it, to one caller only;
	// false when there is none. If its circuit was open, that is a notice.
	Recover(ctx context.Context, endpointID string, at time.Time) (postback.Trouble, bool, error)
	// Trouble returns an endpoint's; false when there is none.
	Trouble(ctx context.Context, endpointID string) (postback.Trouble, bool, error)
	// Troubles lists all of them, by endpoint.
	Troubles(ctx context.Context) ([]postback.Trouble, error)
}

// Traffic keeps what processes counted of attempts, by endpoints and by slots of
// time; how long a slot is, those who count agree on.
type Traffic interface {
	// SaveTallies writes what a process counted: each tally takes the place of
	// what the process wrote before for the same endpoint and slot. No two of a
	// call are for the same.
	SaveTallies(ctx context.Context, process string, tallies []postback.Tally) error
	// Tallies lists what processes counted for an endpoint in the given slots, by
	// slot, and of a slot by process.
	Tallies(ctx context.Context, endpointID string, slots []time.Time) ([]postback.Tally, error)
	// PruneTallies forgets up to limit tallies of slots that began before a time,
	// and says how many. Several callers may do so at once.
	PruneTallies(ctx context.Context, before time.Time, limit int) (int, error)
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

// Notices keeps what an operator has not been told yet. Each is written in the
// transaction that makes it true: by OpenCircuit, by Recover, by the SaveEndpoint
// that disables an endpoint, and, of dead letters, by SumDeaths. Nobody can
// foresee its id.
type Notices interface {
	// SumDeaths makes notices of the dead letters from before a time that none
	// counts, one for each endpoint, which may count younger ones too. A delivery
	// is counted once each time it becomes a dead letter; an example never is.
	SumDeaths(ctx context.Context, before time.Time) error
	// Notices lists up to limit of them, oldest first.
	Notices(ctx context.Context, limit int) ([]postback.Notice, error)
	// ForgetNotice removes one; true for one caller only.
	ForgetNotice(ctx context.Context, id string) (bool, error)
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

// History answers what happened. Cursors are opaque; a malformed one is
// CodeInvalid in the field "cursor". The cursor of deliveries may also be the id
// of one, whatever the filter: the listing goes on behind it.
type History interface {
	// Event returns one event with its deliveries; CodeNotFound.
	Event(ctx context.Context, id string) (postback.Event, []postback.Delivery, error)
	// Events lists events without their data, newest first, and the next cursor (""
	// at the end).
	Events(ctx context.Context, filter postback.EventFilter, page postback.Page) ([]postback.Event, string, error)
	// Delivery returns one delivery with its attempts, oldest first; CodeNotFound.
	Delivery(ctx context.Context, id string) (postback.Delivery, []postback.Attempt, error)
	// Deliveries lists deliveries, newest first, and the next cursor.
	Deliveries(ctx context.Context, filter postback.DeliveryFilter, page postback.Page) ([]postback.Delivery, string, error)
}

// Replays reopens ended deliveries.
type Replays interface {
	// Reopen opens the next generation of ended deliveries: pending, attempts
	// before this generation set, due at once with SweepAt as given; the last
	// status code and error stay. It answers for each id, in order: the reopened
	// delivery with its event, or an Err of CodeNotFound, CodeNotEnded or
	// CodeEndpointDeleted, and then it stays as it is. One with an OrderKey waits
	// in its ordering group, parked as ordered, as a new one does.
	//
	// When a reopened delivery ends before an attempt was made (Cancel, Expire, or
	// Record without an attempt), nothing was sent: it takes back the state, the
	// reason and the CompletedAt with which it had ended, in its new generation,
	// and is no new dead letter.
	Reopen(ctx context.Context, ids []string, at, sweepAt time.Time) ([]Reopened, error)
	DeliveryCounter
	ReplayJobs
	ReplayReader
}

// DeliveryCounter says what a replay would be about, and what it has under way.
type DeliveryCounter interface {
	// CountDeliveries counts what a filter picks.
	CountDeliveries(ctx context.Context, filter postback.DeliveryFilter) (int, error)
	// GroupDeliveries counts it by endpoint, state and reason, the largest group
	// first (then in the order of the three), and says which endpoints are deleted.
	GroupDeliveries(ctx context.Context, filter postback.DeliveryFilter) ([]postback.DeliveryGroup, error)
	// ReopenedDue looks at the last deliveries that a running, collected job
	// reopened, and counts those that are due (pending in the generation that it
	// opened, SweepAt at the given time or before).
	ReopenedDue(ctx context.Context, jobID string, last int, at time.Time) (int, error)
}

// Reopened is one answer of Reopen.
type Reopened = postback.Reopened

// ReplayJobs keeps replay jobs and the snapshots they work through. Each write
// is one transaction, so that several processes may work on one job, and one
// that dies leaves nothing half-done.
type ReplayJobs interface {
	// CreateReplay writes a new job.
	CreateReplay(ctx context.Context, job postback.ReplayJob) error
	// CollectReplay adds up to limit more ended deliveries that the job's filter
	// picks, newest first, to its snapshot, each with the generation that ended,
	// counts them as Matched, and returns the job. When there are no more, the
	// job is Collected, and an empty snapshot ends it as done at the given time.
	// A job that is not running, or is collected, is returned as it is;
	// CodeNotFound.
	CollectReplay(ctx context.Context, id string, limit int, at time.Time) (postback.ReplayJob, error)
	// AdvanceReplay reopens the next limit deliveries of the snapshot, oldest
	// first, due at the given time with SweepAt the same, and counts them. One
	// that is not in the generation that was collected any more, or was removed,
	// or whose endpoint is deleted, is skipped, and counted in Skips. After the last one the job is done. It works on a collected,
	// running job of which as many are handled as the caller believes; otherwise
	// CodeConflict, and nothing is changed; CodeNotFound.
	AdvanceReplay(ctx context.Context, id string, handled, limit int, at time.Time) (postback.ReplayJob, error)
	// CancelReplay ends a running job as cancelled. CodeNotFound; CodeConflict
	// when it has ended.
	CancelReplay(ctx context.Context, id string, at time.Time) (postback.ReplayJob, error)
}

// ReplayReader reads replay jobs.
type ReplayReader interface {
	// Replay returns one job; CodeNotFound.
	Replay(ctx context.Context, id string) (postback.ReplayJob, error)
	// ReplayJobs lists jobs, newest first, and the next cursor.
	ReplayJobs(ctx context.Context, filter postback.ReplayFilter, page postback.Page) ([]postback.ReplayJob, string, error)
	// ReplayOutcomes counts what became of what a job reopened. It looks at each of
	// those; a job that is not there has none.
	ReplayOutcomes(ctx context.Context, id string) (postback.ReplayOutcomes, error)
	// RunningReplays lists the jobs that are not ended, oldest first.
	RunningReplays(ctx context.Context) ([]postback.ReplayJob, error)
}

// Keys keeps API keys.
type Keys interface {
	// SaveKey writes a key, new or revoked. CodeConflict when another key has
	// its hash.
	SaveKey(ctx context.Context, key postback.APIKey) error
	// RevokeKey ends a key at a time. One that was revoked before keeps its time.
	// CodeNotFound; CodeConflict when it is the last admin key that is not
	// revoked, and also when two callers revoke the last two at once.
	RevokeKey(ctx context.Context, id string, at time.Time) error
	// KeyByHash returns the key with this hash, a revoked one too; CodeNotFound.
	KeyByHash(ctx context.Context, hash []byte) (postback.APIKey, error)
	// Keys lists all keys, newest first.
	Keys(ctx context.Context) ([]postback.APIKey, error)
}

// Schemes keeps the schemes that were declared by the API.
type Schemes interface {
	// SaveScheme writes a new scheme and gives it the next Revision. The same
	// declaration, byte for byte, under a name that is there changes nothing;
	// another one is CodeConflict: a scheme never changes under the endpoints
	// that use it. The name of a deleted one is free.
	SaveScheme(ctx context.Context, scheme postback.DeclaredScheme) error
	// DeleteScheme takes a scheme out of use, and gives it the next Revision.
	// CodeNotFound; CodeConflict, with their number and the first of them, while
	// there are endpoints of that scheme which are not deleted. No endpoint of it
	// is written from then on: see SaveEndpoint.
	DeleteScheme(ctx context.Context, name string, at time.Time) error
	// SchemesSince returns the schemes, deleted ones too, whose Revision is greater,
	// in order of Revision. Revisions are positive and grow in commit order.
	SchemesSince(ctx context.Context, revision int64) ([]postback.DeclaredScheme, error)
}

// Fingerprints remembers which keys sealed the ledger's secrets, so that no
// process seals with a key that the others lack. They tell nothing of a key.
type Fingerprints interface {
	// SaveFingerprint records the fingerprint of the sealing key with an id. The
	// same again changes nothing; another one for the id is CodeConflict.
	SaveFingerprint(ctx context.Context, keyID uint32, fingerprint string) error
	// Fingerprints returns what was recorded, by the keys' ids.
	Fingerprints(ctx context.Context) (map[uint32]string, error)
}

// Retention makes room for what comes and forgets what is old. Endpoints, keys
// and schemes are never forgotten.
type Retention interface {
	// Prepare makes ready for what is written until the given time; a ledger that
	// needs nothing does nothing.
	Prepare(ctx context.Context, until time.Time) error
	// Prune forgets one step's worth of what ended before the given time, and
	// says how many rows went: call it until it answers 0. Several callers may
	// do so at once.
	//
	// A delivery goes, with its attempts, when it ended before that time; an
	// event when it was accepted before it and none of its deliveries is left; a
	// replay job, with its snapshot, when it ended before it. What has not ended
	// is never removed, and what a Reopen brought back in time stays. A
	// ledger may keep things for a day longer than that. The space that they took is given back.
	//
	// Neither a step nor giving space back holds up other writers for more than
	// 50 ms at a time.
	Prune(ctx context.Context, before time.Time) (int, error)
}

// Store is the ledger as a whole.
type Store interface {
	// Identity is made once for a ledger: the queue that was filled from it
	// bears it as its epoch.
	Identity(ctx context.Context) (string, error)
	// Now is the time by the ledger's clock, which all its processes share.
	Now(ctx context.Context) (time.Time, error)
	// Ping reports whether the ledger answers.
	Ping(ctx context.Context) error
	// Close ends the ledger after the writes under way; later calls fail.
	// Closing again does nothing.
	Close() error
}
