// Package testkit has the real parts that tests of several packages need: a
// Redis server, a PostgreSQL server, a ledger, a receiver of postbacks, an
// endpoint manager.
//
// It guarantees that what it starts is gone when the test ends, and that no
// two tests share anything. Only tests import it.
package testkit
