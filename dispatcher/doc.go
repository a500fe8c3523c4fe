// Package dispatcher accepts events and decides what has to be delivered: it
// matches endpoints, writes the ledger, and keeps the run queue filled from it.
//
// It guarantees that an event is in the ledger, with every delivery that it
// calls for, before its producer gets an answer; that the same event is never
// accepted twice; and that every delivery that is due comes into the queue
// again and again until the ledger says that it ended, whatever happens to the
// queue or to this process.
//
// A new event passes the stages in this order, each in the file of its name:
//
//	accept   write the event and its deliveries to the ledger, answer the producer
//	match    make the deliveries: one for each endpoint that wants the event
//	handoff  reserve room on the way to the queue, and pass on what was written
//	enqueue  make each attempt a task of the queue
//
// Whatever is not queued by then comes back through the ledger. Jobs run in the
// background of every process:
//
//	requeue  enqueue what is due: retries, replays, what was released or got lost
//	release  make parked deliveries due, as fast as their endpoints take them
//	expire   end parked deliveries that are too old
//	groups   end and mend what waits for others of its ordering group
//	replay   reopen ended deliveries, at a bounded rate
//	rebuild  refill a queue that lost its tasks
//
// On demand, rematch delivers recorded events to endpoints that have none of them.
//
// What else a stage needs is in files that begin with its name. The lanes
// (lanes.go) say how much of the queue each endpoint and publisher may have.
// options.go wires the stages, dispatcher.go starts and stops them.
package dispatcher
