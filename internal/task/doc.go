// Package task is the run queue: Waybill's to-do list in Redis, derived from
// the ledger and made again from it when it is lost. It wraps asynq.
//
// It guarantees that one attempt of one delivery is queued at most once at a
// time (the task id says which attempt it is), that queueing it again is no
// error, that asynq never archives a task by its own verdict, and that no
// payload holds a secret.
package task
