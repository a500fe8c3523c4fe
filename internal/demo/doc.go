// Package demo shows what Waybill does: it starts the real server with its
// embedded defaults and local receivers that verify signatures as publishers
// do, and tells a story of events, failures, a dead letter and a replay.
//
// It guarantees that what it claims at the end was checked in this run, from
// the API's answers and from what the receivers saw, and that [Run] returns an
// error when a claim is false; that nothing leaves the loopback interface;
// and that nothing stays behind, on disk or running, but what was asked for.
package demo
