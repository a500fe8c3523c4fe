package store

import "github.com/waybillhq/waybill/postback"

// LastAdmin refuses to revoke the last admin key.
func LastAdmin() error {
	return postback.Failure(postback.CodeConflict, "this is the last admin key; make another one first")
}

// OtherKey refuses a sealing key whose id another key has.
func OtherKey(keyID uint32) error {
	return postback.Failure(postback.CodeConflict, "the secrets in this ledger were sealed with another key %d", keyID)
}
