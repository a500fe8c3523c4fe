// Package e2e proves the guarantees against the real program: it builds the
// binary, runs it as users do, kills it as the world does, and counts what the
// receivers got.
package e2e
