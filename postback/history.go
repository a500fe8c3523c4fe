package postback

import "time"

// EventFilter picks events; the zero value picks all.
type EventFilter struct {
	Publisher string
	EventType string // a pattern
	Rejected  bool   // only events that were refused on the queue
	Unmatched bool   // only events that no endpoint wanted; those of an operator only when Publisher says so
	Since     time.Time
	Until     time.Time
}

// Rematch says what became of recorded events that were matched again.
type Rematch struct {
	Events     int // that were looked at
	Deliveries int // that were made, or would be
	Unmatched  int // events that no endpoint wants still
	Unsendable int // events that no endpoint that wants them can carry
	// Problems are why endpoints cannot carry events: of the unsendable ones, and of
	// those that others get.
	Problems Problems
	Next     string // the cursor of the rest; empty: that is all
}

// EndpointFilter picks endpoints; deleted ones are never listed.
type EndpointFilter struct {
	Publisher string
	State     EndpointState
}

// Page asks for a part of a listing, newest first. Cursor is what the part
// before gave as the next one; empty begins. A cursor of deliveries may also be
// the id of one: the part begins behind it. Limit is 1 to MaxPage.
type Page struct {
	Cursor string
	Limit  int
}

// Sizes of a listing's part.
const (
	DefaultPage = 50
	MaxPage     = 5000
)

// History is a delivery with its attempts, oldest first.
type History struct {
	Delivery Delivery
	Attempts []Attempt
}

// ReplayState is where a replay job stands.
type ReplayState string

// The states of a replay job.
const (
	ReplayRunning   ReplayState = "running"
	ReplayDone      ReplayState = "done"
	ReplayCancelled ReplayState = "cancelled"
)

// ReplayJob reopens every ended delivery that its filter picked when it was
// made. It first collects their ids in the ledger, as a snapshot, and then
// works through them.
type ReplayJob struct {
	ID     string
	Filter DeliveryFilter
	Rate   float64 // deliveries per second; 0 is as fast as the server replays
	DryRun bool
	State  ReplayState
	// Matched is the size of the snapshot, which grows until it is Collected; of
	// a dry run it is what was counted.
	Matched   int
	Collected bool
	Replayed  int // of the snapshot, reopened by this job
	Skipped   int // of the snapshot, not reopened when their turn came
	Skips     ReplaySkips
	Groups    []DeliveryGroup // of a dry run: what was counted, the largest first
	CreatedAt time.Time
	EndedAt   time.Time
}

// MaxGroups is how many groups a dry run keeps; smaller ones are left out.
const MaxGroups = 1000

// DeliveryGroup counts deliveries of an endpoint that are in the same state for
// the same reason.
type DeliveryGroup struct {
	EndpointID string `json:"endpoint"`
	State      State  `json:"state"`
	Reason     Reason `json:"reason,omitempty"`
	// EndpointDeleted says that a replay would skip them.
	EndpointDeleted bool `json:"endpoint_deleted,omitempty"`
	Count           int  `json:"count"`
}

// ReplayOutcomes counts what became of the deliveries that a replay job opened.
type ReplayOutcomes struct {
	Succeeded     int `json:"succeeded"`
	Dead          int `json:"dead"`           // failed again
	Waiting       int `json:"waiting"`        // for an attempt that is set for a time
	Parked        int `json:"parked"`         // wait in the ledger alone
	Cancelled     int `json:"cancelled"`      // the endpoint was deleted after an attempt
	Unsent        int `json:"unsent"`         // ended before an attempt, as they had ended before
	ReplayedAgain int `json:"replayed_again"` // another replay has opened them since
	Purged        int `json:"purged"`         // removed with what is old
}

// ReplaySkips counts the deliveries that a replay job did not reopen, by reason.
// Jobs from before reasons were kept have none.
type ReplaySkips struct {
	EndpointDeleted int `json:"endpoint_deleted,omitempty"` // nobody is left to send them to
	MovedOn         int `json:"moved_on,omitempty"`         // replayed otherwise, before their turn
	Removed         int `json:"removed,omitempty"`          // purged before their turn
}

// Total is how many were skipped for all reasons.
func (s ReplaySkips) Total() int { return s.EndpointDeleted + s.MovedOn + s.Removed }

// Handled is how many deliveries of the snapshot the job has handled.
func (j ReplayJob) Handled() int { return j.Replayed + j.Skipped }

// ReplayFilter picks replay jobs; the zero value picks all.
type ReplayFilter struct {
	Publisher string // whose deliveries alone the job replays
}

// Role says what an API key may do.
type Role string

// The roles.
const (
	RoleAdmin     Role = "admin"
	RoleProducer  Role = "producer"  // send events
	RolePublisher Role = "publisher" // one publisher's endpoints, history and replays
	RoleViewer    Role = "viewer"    // read everything
)

// APIKey is a key as the ledger keeps it: by its hash.
type APIKey struct {
	ID        string
	Name      string
	Role      Role
	Publisher string // of a publisher's key
	Hash      []byte // SHA-256 of the key
	CreatedAt time.Time
	RevokedAt time.Time // zero while it is good
}
