// Package client is the Go client of Waybill's HTTP API: for producers that
// send events and for tools that look after endpoints, deliveries and replays.
//
// It guarantees that every call ends with its context or with the client's
// timeout, that a refusal by Waybill comes back as a [*Problem] with its stable
// code and field, that redirects are not followed, and that neither the API
// key nor a secret is ever part of an error. Calls are not repeated: sending
// an event again under the same id is safe, and up to the caller.
//
// Its types are those that the API itself answers with. Besides its name in JSON, a
// field's tags say what /openapi.json says of it.
package client
