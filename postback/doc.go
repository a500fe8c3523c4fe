// Package postback is the domain of Waybill: events, endpoints, secrets,
// deliveries and attempts, their states and reasons, and the one error type
// that the API, the command line and the workers share.
//
// It guarantees that a [Secret] never prints itself, that a [State] moves only
// along the arrows of docs/state_machine.md, and it imports nothing but the
// standard library.
package postback
