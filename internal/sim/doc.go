// Package sim runs the delivery engine in a world that it controls.
//
// It guarantees that the same seed is the same run: several processes with the
// real dispatcher, worker, circuits, limits, ordering and retention share one
// real ledger and one queue with asynq's semantics, time is virtual, and every
// call that leaves a process waits at a gate until the seed lets it on, fails
// it, loses its answer or crashes its process. After each run it checks what
// Waybill guarantees. docs/simulation.md says how to repeat a seed.
package sim
