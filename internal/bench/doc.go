// Package bench puts load on an engine and reports what came of it: how many
// events were accepted and delivered, how fast, and what that cost.
//
// It guarantees that load goes to this machine alone (an engine, a Redis or a
// receiver that is not on a loopback address is refused), that every run is
// bounded in events and in time, that every delivery is counted by its own
// transaction id, and that the endpoints, processes, files and Redis keys it
// made are gone at the end, also when it fails or is interrupted.
package bench
