package storetest

import (
	"context"
	"time"

	"github.com/waybillhq/waybill/postback"
)

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
// that crashes leaves nothing half-done.
type ReplayJobs interface {
	// CreateReplay writes a new job; CodeLimit when as many of its filter's publisher,
	// or of none, run already as may (0: any number), however many are created at once.
	CreateReplay(ctx context.Context, job postback.ReplayJob, most int) error
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

// Retention makes room for what comes and purges expired history. Endpoints, keys
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
