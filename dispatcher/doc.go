// Package dispatcher accepts events and decides what has to be delivered: it
// matches endpoints, writes the ledger, and keeps the run queue filled from it.
//
// It guarantees that an event is in the ledger, with every delivery that it
// calls for, before its producer gets an answer; that the same event is never
// accepted twice; and that every delivery that is due comes into the queue
// again and again until the ledger says that it ended, whatever happens to the
// queue or to this process.
package dispatcher
