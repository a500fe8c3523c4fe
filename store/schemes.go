package store

import (
	"fmt"
	"strings"

	"github.com/waybillhq/waybill/postback"
)

// ShownUsers is how many of the endpoints that use a scheme are given to SchemeInUse.
const ShownUsers = 5

// SchemeTaken refuses another declaration under a name that is there.
func SchemeTaken(name string) error {
	return postback.Invalid("name", postback.CodeConflict,
		"there is another declaration named %s already, and endpoints may use it; choose another name", name)
}

// SchemeUser is an endpoint that uses a scheme.
type SchemeUser struct {
	ID    string
	Count int // of all that use it
}

// SchemeUserDest scans the id of an endpoint, and how many use the scheme.
func SchemeUserDest(u *SchemeUser) []any { return []any{&u.ID, &u.Count} }

// SchemeInUse refuses to delete a scheme that endpoints use, the oldest of which are
// given; nil when there are none.
func SchemeInUse(name string, users []SchemeUser) error {
	if len(users) == 0 {
		return nil
	}
	ids := make([]string, len(users))
	for i, user := range users {
		ids[i] = user.ID
	}
	count, use, more := users[0].Count, "endpoints use", ""
	if count == 1 {
		use = "endpoint uses"
	}
	if count > len(ids) {
		more = fmt.Sprintf(" and %d more", count-len(ids))
	}
	return postback.Failure(postback.CodeConflict, "%d %s the scheme %s (%s%s); delete them first",
		count, use, name, strings.Join(ids, ", "), more)
}

// SchemeChanged refuses a new endpoint whose scheme is not any more what the
// endpoint was checked with.
func SchemeChanged(name string) error {
	return postback.Invalid("scheme", postback.CodeConflict, "the scheme %s was deleted just now; see which schemes there are, and try again", name)
}
