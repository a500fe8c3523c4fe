// Package app puts Waybill together: the only place that knows every part.
//
// It guarantees that a server either starts whole or says what keeps it from
// starting, and that it stops in the reverse order of its start: no new work,
// then what is under way, then the queue, then the ledger.
package app
