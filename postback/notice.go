package postback

import (
	"strings"
	"time"
)

// Operator is the publisher of the events by which Waybill tells its own
// operator what became of endpoints and deliveries. No producer can send one,
// and no key of a publisher reaches them.
const Operator = "@operator"

// OperatorScheme is the scheme of endpoints for them.
const OperatorScheme = "standard-webhooks"

// The types of those events.
const (
	NoticeFailing   = "endpoint.failing"   // its circuit opened
	NoticeRecovered = "endpoint.recovered" // a probe succeeded, and its circuit closed
	NoticeDisabled  = "endpoint.disabled"  // it is disabled until somebody enables it
	NoticeDead      = "deliveries.dead"    // some of its deliveries became dead letters
	NoticeBlocked   = "endpoint.blocked"   // nothing can be sent to it until an operator mends its cause
	NoticeDown      = "egress.down"        // our own way out is down: nothing can be sent
	NoticeUp        = "egress.recovered"   // it works again, in all processes
	NoticeUnmatched = "events.unmatched"   // events reached nobody: no endpoint wanted them
)

// NoticeTypes are the types of alerts.
func NoticeTypes() []string {
	return []string{NoticeFailing, NoticeRecovered, NoticeDisabled, NoticeDead, NoticeBlocked, NoticeDown, NoticeUp, NoticeUnmatched}
}

// Notice is an alert for the operator. The ledger writes it together with the
// change that it reports.
type Notice struct {
	ID         string    // "op_" and 32 hexadecimal digits; the event's id, too
	Type       string    // one of NoticeTypes
	EndpointID string    // empty when it is about no endpoint
	At         time.Time // when it happened; of dead letters: the last one
	Since      time.Time // the first failure, or the first of the dead letters; zero when there was no failure
	Count      int       // failures since then, roughly, or dead letters exactly
	LastError  string    // the code of the last failure that was noted
	Reason     string    // why the endpoint is disabled
	Dead       *DeadSum  // of NoticeDead alone
	Outage     *Outage   // of NoticeDown and NoticeUp alone
}

// Outage is an outage of a process's own way out: the fault of no endpoint.
type Outage struct {
	Process    string    `json:"process"` // its host, and a part that is random
	Reason     string    `json:"reason"`  // a code, such as "egress_resolver_down"
	Message    string    `json:"message"`
	Since      time.Time `json:"since"`
	At         time.Time `json:"at"`         // when the process said so last
	Deliveries int       `json:"deliveries"` // that were held since then, up to MaxHeld
	Endpoints  int       `json:"endpoints"`  // of those, up to MaxHeld
}

// Unmatched are events of a publisher that no endpoint wanted.
type Unmatched struct {
	Publisher   string
	Count       int
	First, Last time.Time // when they were accepted
	Events      []string  // the ids of the first MaxNamedEvents
}

// MaxNamedEvents bounds how many events of a publisher are named.
const MaxNamedEvents = 5

// MaxHeld is up to how many the deliveries and endpoints of an outage are counted.
const MaxHeld = 10_000

// Block is why nothing can be sent to an endpoint: not its fault, and nothing
// that time mends.
type Block struct {
	EndpointID string
	Cause      string    // a code, such as "secret_sealed"
	Message    string    // with what to do
	Since      time.Time // when it was found first, of what a ledger answers
	At         time.Time // when it was found last
}

// BlockLasts is for how long a block that was found counts. What waits is tried
// several times a minute, so one that nobody finds any more is mended.
const BlockLasts = 3 * time.Minute

// DeadSum says of dead letters why they are, and names some of them.
type DeadSum struct {
	Reasons    map[Reason]int `json:"reasons"`
	Deliveries []string       `json:"deliveries"` // the first MaxNamedDead
}

// MaxNamedDead bounds how many dead letters a notice names.
const MaxNamedDead = 5

// DeadLetters are deliveries of an endpoint that became dead letters for the same
// reason, examples left out.
type DeadLetters struct {
	EndpointID  string
	Reason      Reason
	Count       int
	First, Last time.Time
	Deliveries  []string // the first MaxNamedDead
}

// HostOf is the host of a URL that may be a template, with its port. Nothing
// else of it is shown: not who logs in, and not what is asked for.
func HostOf(rawURL string) string {
	_, rest, _ := strings.Cut(rawURL, "://")
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	return rest[strings.LastIndex(rest, "@")+1:]
}
