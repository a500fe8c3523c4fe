// Package worker makes the attempts: it takes one task, signs and sends one
// request, records what came of it and decides what is next.
//
// It guarantees that only an answer of HTTP 200 counts as success, that an
// attempt is in the ledger before its task is done, that nothing is sent for a
// delivery that ended or whose endpoint is paused or gone, and that a failure
// of this host (its address, its proxy, its ledger) uses up no attempt.
package worker
