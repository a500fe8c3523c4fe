// Package diagnose says why a signature is invalid, and why an endpoint did
// not take an example.
//
// What it guarantees:
//
//   - It claims a mistake only when the signature that comes out with that
//     mistake is the one that was received, at least 64 bits of it. What it
//     calls likely is what the answer's status and the endpoint's settings
//     suggest, and is said to be so.
//   - No finding holds a secret.
//   - Its work is bounded, by a number of digests and of bytes that are hashed,
//     whatever the request holds.
//   - It is pure: no I/O, no clock, no state.
package diagnose
