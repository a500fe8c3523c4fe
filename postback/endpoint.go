package postback

import "time"

// EndpointState says whether an endpoint is sent to.
type EndpointState string

// The states of an endpoint.
const (
	EndpointEnabled  EndpointState = "enabled"
	EndpointPaused   EndpointState = "paused"   // by an operator: its deliveries wait, parked
	EndpointDisabled EndpointState = "disabled" // by its own answers: its deliveries wait, parked
	EndpointDeleted  EndpointState = "deleted"
)

// Why an endpoint is disabled.
const (
	DisabledGone    = "gone"    // it answered 410
	DisabledFailing = "failing" // every attempt failed for too long
)

// Endpoint is where and how a publisher wants its events.
type Endpoint struct {
	ID        string
	Publisher string
	Scheme    string
	EndpointSettings
	State EndpointState
	// DisabledReason and DisabledAt say why and when a disabled endpoint was.
	DisabledReason string
	DisabledAt     time.Time
	Secrets        []SealedSecret // newest first
	// SchemeRevision is the Revision of the declared scheme that a new endpoint was
	// checked with, which must be there still when the ledger writes it; 0 when the
	// scheme is none of the ledger's. It is not kept.
	SchemeRevision int64
	// Revision grows with every change of any endpoint, so that a reader can
	// ask for what is new. The ledger sets it.
	Revision  int64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// InFlightLimit is how many attempts to the endpoint a process makes at once: as
// many as it asks for, but no more than most, or else the standard number.
func (e Endpoint) InFlightLimit(standard, most int) int {
	if e.MaxInFlight == 0 {
		return standard
	}
	return min(e.MaxInFlight, max(standard, most))
}

// Wants reports whether events of this publisher and type go to the endpoint.
func (e Endpoint) Wants(publisher, eventType string) bool {
	if e.State == EndpointDeleted || e.Publisher != publisher {
		return false
	}
	if len(e.EventTypes) == 0 {
		return true
	}
	for _, pattern := range e.EventTypes {
		if MatchType(pattern, eventType) {
			return true
		}
	}
	return false
}

// Holds reports whether the endpoint's deliveries wait, parked, and why.
func (e Endpoint) Holds() (Reason, bool) {
	switch e.State {
	case EndpointPaused:
		return ReasonPaused, true
	case EndpointDisabled:
		return ReasonDisabled, true
	case EndpointEnabled, EndpointDeleted:
		return "", false
	default:
		return "", false
	}
}

// SecretUse is when a secret of an endpoint signed an attempt.
type SecretUse struct {
	EndpointID string
	Version    int
	At         time.Time
}

// SecretsAt are the secrets that sign at a time, the newest first. There is
// always one: a secret signs until its successor does.
func (e Endpoint) SecretsAt(at time.Time) []SealedSecret {
	var signing []SealedSecret
	for _, secret := range e.Secrets {
		if secret.SignsAt(at) {
			signing = append(signing, secret)
		}
	}
	return signing
}

// EndpointSpec is what is asked for when an endpoint is made. Settings that are
// zero are the defaults: those of the scheme, where it has some.
type EndpointSpec struct {
	Publisher string
	Scheme    string
	Secret    Secret // empty: generated in the network's form
	EndpointSettings
}
