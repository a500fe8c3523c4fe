// Package store holds what every ledger has in common, whatever database it
// writes to: which moves of a delivery are allowed, how rows that both have alike
// are read, what a filter can match, how the cursor of a listing is spelled, and
// what a schema's version is.
//
// It guarantees that two ledgers answer alike; it reads and writes nothing.
package store
