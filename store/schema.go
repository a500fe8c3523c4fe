package store

import "github.com/waybillhq/waybill/postback"

// CodeSchema says that a ledger has a schema which this program cannot work
// with: a newer one wrote it, or it has to be migrated first.
const CodeSchema postback.Code = "ledger_schema"

// Schema is the version of a ledger's tables: as it was found, and as it is
// now.
type Schema struct{ Found, Current int64 }
