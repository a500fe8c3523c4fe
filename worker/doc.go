// Package worker makes the attempts: it takes one task, signs and sends one
// request, records what came of it and decides what is next.
//
// It guarantees that only an answer of HTTP 200 counts as success, unless
// its endpoint says otherwise, that an
// attempt is in the ledger before its task is done, that nothing is sent for a
// delivery that ended or whose endpoint is paused or gone, and that a failure
// of this host (its address, its proxy, its ledger) uses up no attempt.
//
// A delivery passes the stages in this order, each in the file of its name:
//
//	load      read the delivery, once for each attempt
//	gate      may it be sent now? paused, held, circuit, outage, in-flight and rate limit
//	sign      build the request and sign it
//	send      send it
//	classify  what the answer, or the lack of one, means
//	decide    what is next: succeeded, retry, dead letter, parked or put off
//	record    write the attempt and the next state to the ledger
//	observe   log, metrics, circuits, and waking who waits for it
//
// What else a stage needs is in files that begin with its name. outage.go keeps
// failures of our own egress path apart from those of endpoints. An example
// (example.go) passes the stages from sign to record.
package worker
