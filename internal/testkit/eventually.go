package testkit

import (
	"testing"
	"time"
)

const (
	// patience is longer than anything that a test waits for on a busy machine.
	patience = 2 * time.Minute
	glance   = 5 * time.Millisecond
)

// Eventually waits until the condition holds, and fails the test when it does
// not come to.
func Eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(patience)
	ticker := time.NewTicker(glance)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("this never came to be: %s", what)
		}
	}
}

// Receive waits for a value from a channel.
func Receive[T any](t testing.TB, what string, from <-chan T) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(patience):
		t.Fatalf("this never came: %s", what)
		panic("unreachable")
	}
}

// Quiet fails the test when something comes from a channel within a while.
func Quiet[T any](t testing.TB, what string, from <-chan T, while time.Duration) {
	t.Helper()
	select {
	case value := <-from:
		t.Fatalf("%s: got %v", what, value)
	case <-time.After(while):
	}
}
