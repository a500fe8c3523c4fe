package api

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/waybillhq/waybill/postback"
)

// operation names a call: its id, where it is and what it does.
func operation(id, method, path, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary}
}

// add registers a call that huma reads and writes, for keys with one of the
// roles. Every error of the handler becomes a problem.
func add[I, O any](s *server, op huma.Operation, roles []postback.Role, handler func(context.Context, *I) (*O, error)) {
	s.secure(&op, roles)
	op.BodyReadTimeout = -1 // takeBody has read it already.
	op.MaxBodyBytes = -1
	var cleared []string
	if input, clears := any(new(I)).(clearable); clears {
		cleared = input.clearedByNull()
	}
	op.Middlewares = huma.Middlewares{func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		err := s.admit(r, ctx.Operation(), roles)
		if err == nil && hasBody(r) {
			err = takeBody(w, r, ctx.Operation(), cleared)
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		next(ctx)
	}}
	huma.Register(s.huma, op, func(ctx context.Context, input *I) (*O, error) {
		ctx, cancel := workContext(ctx, op.Method)
		defer cancel()
		end, err := s.turns.take(ctx, ownPublisher(ctx))
		if err != nil {
			return nil, problemOf(ctx, err)
		}
		defer end()
		output, err := handler(ctx, input)
		if err != nil {
			return nil, problemOf(ctx, err)
		}
		return output, nil
	})
}

// changeTimeout bounds a call that changes something: longer than the longest
// attempt (60 s), which an example waits for, and than the arrival of a body.
const changeTimeout = 2 * time.Minute

// workContext is the context that a call's work is done in. What changes
// something is finished once it has begun, whatever the client does: a client
// that leaves ends reading alone.
func workContext(ctx context.Context, method string) (context.Context, context.CancelFunc) {
	if method == http.MethodGet || method == http.MethodHead {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(context.WithoutCancel(ctx), changeTimeout,
		fmt.Errorf("not done within %s: %w", changeTimeout, context.DeadlineExceeded))
}

// admit lets a request through whose key and query are good.
func (s *server) admit(r *http.Request, op *huma.Operation, roles []postback.Role) error {
	if err := s.authorize(r, roles); err != nil {
		return err
	}
	if err := checkPath(r); err != nil {
		return err
	}
	return checkQuery(r, op)
}

// hasBody reports whether a request's method is one that takes a body.
func hasBody(r *http.Request) bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodDelete
}

// addRaw registers a call that is read and written by hand: the hot path, and
// what is not ours.
func (s *server) addRaw(op huma.Operation, roles []postback.Role, handler func(http.ResponseWriter, *http.Request) error) {
	s.secure(&op, roles)
	s.huma.OpenAPI().AddOperation(&op)
	s.mux.HandleFunc(op.Method+" "+op.Path, func(w http.ResponseWriter, r *http.Request) {
		err := s.authorize(r, roles)
		if err == nil {
			err = checkQuery(r, &op)
		}
		if err == nil {
			ctx, cancel := workContext(r.Context(), op.Method)
			defer cancel()
			err = handler(w, r.WithContext(ctx))
		}
		if err != nil {
			s.fail(w, r, err)
		}
	})
}

// refusing documents by which status an operation says that it has reached a bound.
func (s *server) refusing(op huma.Operation, status int, description string) huma.Operation {
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	op.Responses[strconv.Itoa(status)] = s.content(description, "application/problem+json", reflect.TypeFor[problem]())
	return op
}

// pacing documents that a key may make too many requests, or a client try too many
// wrong keys.
func (s *server) pacing(op huma.Operation) huma.Operation {
	op = s.refusing(op, http.StatusTooManyRequests,
		"`too_many_requests`: the key makes more requests a second than it may (--max-requests-per-key), or the client tried too many wrong keys; send again after Retry-After")
	op.Responses["429"].Headers = map[string]*huma.Param{"Retry-After": {
		Description: "After how many seconds it may be tried again", Schema: &huma.Schema{Type: huma.TypeInteger},
	}}
	return op
}

// secure documents who may call and that everything else is a problem.
func (s *server) secure(op *huma.Operation, roles []postback.Role) {
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	op.Responses["default"] = s.content("A problem", "application/problem+json", reflect.TypeFor[problem]())
	if len(roles) == 0 {
		return
	}
	*op = s.pacing(*op)
	op.Security = []map[string][]string{{"key": {}}}
	op.Description += "Roles:"
	for i, role := range roles {
		if i > 0 {
			op.Description += ","
		}
		op.Description += " " + string(role)
	}
	op.Description += "."
}

// schema is the schema of a Go type, registered under its name.
func (s *server) schema(of reflect.Type) *huma.Schema {
	return s.huma.OpenAPI().Components.Schemas.Schema(of, true, of.Name())
}

// content documents an answer of one media type.
func (s *server) content(description, mediaType string, of reflect.Type) *huma.Response {
	response := &huma.Response{Description: description, Content: map[string]*huma.MediaType{mediaType: {}}}
	if of != nil {
		response.Content[mediaType].Schema = s.schema(of)
	}
	return response
}

// answers documents what a call that is written by hand answers, by status.
func (s *server) answers(of reflect.Type, statuses ...int) map[string]*huma.Response {
	all := map[string]*huma.Response{}
	for _, status := range statuses {
		all[strconv.Itoa(status)] = s.content(http.StatusText(status), "application/json", of)
	}
	return all
}

// writeJSON answers a call that is written by hand.
func (s *server) writeJSON(w http.ResponseWriter, r *http.Request, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	s.encode(r.Context(), w, body)
}

// unrouted answers paths and methods that no call has.
func (s *server) unrouted(w http.ResponseWriter, r *http.Request) {
	allowed := ""
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete} {
		probe := &http.Request{Method: method, URL: r.URL, Host: r.Host}
		if _, pattern := s.mux.Handler(probe); pattern != "/" && pattern != "" {
			if allowed != "" {
				allowed += ", "
			}
			allowed += method
		}
	}
	if allowed == "" {
		s.fail(w, r, postback.Failure(postback.CodeNotFound, "path not found; GET /openapi.json lists all"))
		return
	}
	w.Header().Set("Allow", allowed)
	s.fail(w, r, postback.Failure(codeMethod, "this path takes %s", allowed))
}
