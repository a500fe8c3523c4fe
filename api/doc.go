// Package api is Waybill's HTTP API: it reads requests, asks the services and
// writes what they answer. It decides nothing about deliveries.
//
// It guarantees that every refusal is an application/problem+json document
// with a stable code and, for bad input, the field; that no answer, log line or
// span repeats a refused value, a key or a secret, apart from the one answer
// that shows a new one; that unknown fields and parameters are refused by name;
// that a publisher's key sees and changes its publisher's things alone (all
// others are "not found" to it); and that no body is read before its key is
// known to be good, nor more of it than its call allows.
package api
