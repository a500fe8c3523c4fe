package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/waybillhq/waybill/internal/listen"
	"github.com/waybillhq/waybill/postback"
)

// maxKeyBytes bounds what is looked up as a key.
const maxKeyBytes = 512

// The roles that a call may ask for.

func anyone() []postback.Role {
	return []postback.Role{postback.RoleAdmin, postback.RoleProducer, postback.RolePublisher, postback.RoleViewer}
}

func readers() []postback.Role {
	return []postback.Role{postback.RoleAdmin, postback.RolePublisher, postback.RoleViewer}
}

func owners() []postback.Role {
	return []postback.Role{postback.RoleAdmin, postback.RolePublisher}
}

func producers() []postback.Role {
	return []postback.Role{postback.RoleAdmin, postback.RoleProducer}
}

func watchers() []postback.Role {
	return []postback.Role{postback.RoleAdmin, postback.RoleViewer}
}

func admins() []postback.Role { return []postback.Role{postback.RoleAdmin} }

// authorize finds who calls and whether the role is one of roles; no roles
// means that no key is needed.
func (s *server) authorize(r *http.Request, roles []postback.Role) error {
	if len(roles) == 0 {
		return nil
	}
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || key == "" || len(key) > maxKeyBytes {
		return postback.Failure(postback.CodeUnauthorized, `send an API key in the header "Authorization: Bearer <key>"`)
	}
	caller, err := s.Keys.Authenticate(r.Context(), key, listen.Site(r.RemoteAddr))
	if err != nil {
		return fmt.Errorf("authenticate: %w", err)
	}
	recordOf(r.Context()).caller = caller
	if !slices.Contains(roles, caller.Role) {
		return postback.Failure(postback.CodeForbidden, "a key with the role %s may not do this", caller.Role)
	}
	if caller.Role == postback.RolePublisher && caller.Publisher == "" {
		return postback.Failure(postback.CodeForbidden, "this publisher's key names no publisher; create a new one")
	}
	return s.pace(r, caller)
}

// pace refuses a key that makes too many requests. What an admin changes goes on
// whatever else the key does: who has to revoke a key or to cancel a replay must
// not have to wait.
func (s *server) pace(r *http.Request, caller postback.APIKey) error {
	intake := strings.HasPrefix(r.URL.Path, "/v1/events")
	if s.Pace == nil || caller.Role == postback.RoleAdmin && r.Method != http.MethodGet && !intake {
		return nil
	}
	wait := s.Pace.Take(caller.ID)
	if wait == 0 {
		return nil
	}
	refused := problemOf(r.Context(), postback.Failure(postback.CodeTooManyRequests,
		"this key sends more than %d requests a second (--max-requests-per-key); send events in batches, or wait", s.Pace.PerSecond()))
	refused.RetryAfter = wait
	return refused
}

// ownPublisher is the one publisher that the caller sees, or "" for all.
func ownPublisher(ctx context.Context) string {
	return recordOf(ctx).caller.Publisher
}

// mayTouch reports whether things of this publisher are the caller's.
func mayTouch(ctx context.Context, publisher string) bool {
	own := ownPublisher(ctx)
	return own == "" || own == publisher
}

// scope narrows a publisher that was asked for to what the caller may see.
func scope(ctx context.Context, field, asked string) (string, error) {
	own := ownPublisher(ctx)
	if own == "" || asked == own {
		return asked, nil
	}
	if asked != "" {
		return "", postback.Invalid(field, postback.CodeForbidden, "this key is for another publisher; leave the field out")
	}
	return own, nil
}
