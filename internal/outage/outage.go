// Package outage distinguishes an outage of our own egress path from those of
// endpoints, and alerts operators once of each.
//
// It guarantees that one publisher alone, or the failures of endpoints while any
// other receiver can be reached, never pass for an outage of ours; that while one
// lasts a few attempts find out when it is over, to every publisher's receivers
// alike; and that what it remembers is bounded. It sends nothing, and has no clock
// of its own.
package outage

import "time"

// Finding is what an attempt says of the way to its receiver.
type Finding string

// The findings.
const (
	// Reached: the receiver took the connection, whatever it said.
	Reached Finding = "reached"
	// Unreached: it did not, or reset the connection before an answer.
	Unreached Finding = "unreached"
	// Unclear: the attempt never came so far, as when the name does not resolve.
	Unclear Finding = "unclear"
	// Broken: our own egress path failed, beyond doubt.
	Broken Finding = "broken"
)

// Fault says whose fault a failure is.
type Fault string

// The faults.
const (
	// Theirs: the endpoint's, or nobody's.
	Theirs Fault = "theirs"
	// Ours: the attempt is to be made again, and says nothing of its endpoint.
	Ours Fault = "ours"
	// Alone: our egress path works, but not to this receiver.
	Alone Fault = "alone"
)

// Reason is the code of an outage that shows in what many receivers have in
// common, and of deliveries that are held for it.
const Reason = "egress_outage"

// Attempt is one that is about to be made, or was made.
type Attempt struct {
	DeliveryID, EndpointID string
	Publisher              string
	Host                   string // of the receiver, without a port
	StartedAt              time.Time
}

// Policy says when failures are ours. The zero value is of no use.
type Policy struct {
	// Window is how far back failures count.
	Window time.Duration
	// Hosts is how many receivers must have failed to be reached, none having been
	// reached since; PerPublisher is how many of one publisher count at most.
	Hosts, PerPublisher int
	// Share is which part of the receivers with attempts must have failed so.
	Share float64
	// Probe is how often a receiver is tried while it lasts, and Probes how many
	// of them are at once; of each publisher one.
	Probe  time.Duration
	Probes int
	// Failures is how many attempts must have failed beyond doubt, and Publishers
	// of how many publishers when others are reached meanwhile.
	Failures, Publishers int
	// Quiet is for how long nothing may have failed before it is over.
	Quiet time.Duration
}

// Default is the policy of an engine without settings.
func Default() Policy {
	return Policy{
		Window: time.Minute, Hosts: 5, PerPublisher: 2, Share: 0.9,
		Probe: 15 * time.Second, Probes: 16,
		Failures: 3, Publishers: 3, Quiet: 45 * time.Second,
	}
}

// What a Monitor remembers at most, and how often it looks at it.
const (
	maxSuspects    = 1024
	maxOfPublisher = 16
	maxDown        = 4096
	maxFailures    = 64
	// forgetAfter is when a receiver that is down by itself is forgotten.
	forgetAfter = 24 * time.Hour
	// countEvery is how often receivers are counted while deliveries are held.
	countEvery = time.Second
)
