package postback

import (
	"encoding/json"
	"time"
)

// SchemeOrigin says where a scheme comes from.
type SchemeOrigin string

// Origins of schemes.
const (
	SchemeBuiltIn SchemeOrigin = "built_in"
	SchemeFile    SchemeOrigin = "file"
	SchemeAPI     SchemeOrigin = "api"
)

// Scheme describes a scheme to those who choose one.
type Scheme struct {
	Name        string
	Description string
	Source      string   // where the network documents its formula
	Methods     []string // the default first
	Origin      SchemeOrigin
}

// DeclaredScheme is a scheme that was declared by the API. It never changes while
// endpoints use it: it can only be deleted when none does.
type DeclaredScheme struct {
	Name        string
	Declaration json.RawMessage
	CreatedAt   time.Time
	DeletedAt   time.Time // zero: it is there
	Revision    int64     // set by the ledger; grows in commit order
}
