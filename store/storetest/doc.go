// Package storetest says what Waybill asks of a ledger and checks it: [Ledger]
// is the contract, [Run] the conformance suite that every store passes, and the
// builders make the rows that tests write.
//
// It guarantees that two ledgers that pass answer alike; whatever a test of the
// dispatcher or of the workers relies on stands here first.
package storetest
