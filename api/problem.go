package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// codeMethod answers a path that exists under other methods.
const codeMethod postback.Code = "method_not_allowed"

// retryAfter is how many seconds a caller is asked to wait when a service
// cannot be reached, or too much was asked for.
const retryAfter = 5

// maxFindings bounds how many things one problem lists.
const maxFindings = 20

// problem is an answer that refuses. It holds names of fields and what is wrong
// with them, and of what was sent only what cannot be a secret. Without RetryAfter
// some seconds are asked for where a wait helps.
type problem struct{ client.Problem }

// Error makes a problem an error that a handler can return to huma.
func (p *problem) Error() string { return p.Detail }

// GetStatus tells huma the HTTP status.
func (p *problem) GetStatus() int { return p.Status }

// ContentType tells huma the media type.
func (*problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders tells huma the headers that go with the status.
func (p *problem) GetHeaders() http.Header {
	headers := http.Header{}
	switch p.Status {
	case http.StatusUnauthorized:
		headers.Set("WWW-Authenticate", `Bearer realm="waybill"`)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		headers.Set("Retry-After", strconv.Itoa(cmp.Or(int(math.Ceil(p.RetryAfter.Seconds())), retryAfter)))
	}
	return headers
}

// statusOf is the one place where a domain code becomes an HTTP status. Codes
// that it does not know come from schemes and say what is wrong with an input.
func statusOf(err *postback.Error) int {
	switch err.Code {
	case postback.CodeInvalid:
		if err.Field == "" {
			return http.StatusBadRequest
		}
		return http.StatusUnprocessableEntity
	case postback.CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case postback.CodeIncompleteBody:
		return http.StatusRequestTimeout
	case postback.CodeUnauthorized:
		return http.StatusUnauthorized
	case postback.CodeForbidden:
		return http.StatusForbidden
	case postback.CodeNotFound:
		return http.StatusNotFound
	case postback.CodeConflict, postback.CodeNotEnded, postback.CodeEndpointDeleted, postback.CodeRotationPlanned, postback.CodeLimit:
		return http.StatusConflict
	case postback.CodeTooManyRequests:
		return http.StatusTooManyRequests
	case postback.CodeUnavailable:
		return http.StatusServiceUnavailable
	case postback.CodeInternal:
		return http.StatusInternalServerError
	case codeMethod:
		return http.StatusMethodNotAllowed
	default:
		return http.StatusUnprocessableEntity
	}
}

// problemOf turns any error into a problem. What is no domain error is not
// shown: it goes into the request's log line.
func problemOf(ctx context.Context, err error) *problem {
	var ready *problem
	var domain *postback.Error
	switch {
	case errors.As(err, &ready):
		return ready
	case !errors.As(err, &domain):
		recordOf(ctx).err = err
		domain = postback.Failure(postback.CodeUnavailable, "the ledger is unavailable; try again")
	case domain.Code == postback.CodeInternal:
		recordOf(ctx).err = err
		domain = postback.Failure(postback.CodeInternal, "this is a fault of the server; its log has the request id and the reason")
	}
	status := statusOf(domain)
	p := &problem{client.Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status,
		Detail: domain.Error(), Code: domain.Code, Field: domain.Field,
	}}
	p.Errors, p.More = listed(domain), domain.Problems.More
	recordOf(ctx).code = p.Code
	return p
}

// listed is everything that is wrong: the problems of endpoints, or else the error's
// own field.
func listed(domain *postback.Error) []client.FieldError {
	if len(domain.Problems.Named) > 0 {
		return convertAll(domain.Problems.Named, func(one postback.Problem) client.FieldError {
			return client.FieldError{Field: one.Field, Message: one.Message, Code: one.Code, EndpointID: one.EndpointID}
		})
	}
	if domain.Field == "" {
		return nil
	}
	return []client.FieldError{{Field: domain.Field, Message: domain.Message}}
}

// fail writes an error as a problem document.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(r.Context(), err)
	maps.Copy(w.Header(), p.GetHeaders())
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	s.encode(r.Context(), w, p)
}

// encode writes JSON after the status was sent; what goes wrong can only be
// noted.
func (s *server) encode(ctx context.Context, w http.ResponseWriter, body any) {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		recordOf(ctx).err = err
	}
}

// replaceHumaErrors turns huma's error documents into ours. As a transformer
// of this API it leaves huma's package-wide error function alone.
func replaceHumaErrors(ctx huma.Context, _ string, body any) (any, error) {
	model, ok := body.(*huma.ErrorModel)
	if !ok {
		return body, nil
	}
	p := &problem{client.Problem{
		Type: "about:blank", Title: http.StatusText(model.Status), Status: model.Status,
		Detail: "the request is not valid", Code: postback.CodeInvalid,
	}}
	var found []*postback.Error
	for _, detail := range model.Errors {
		found = append(found, explain(detail))
	}
	slices.SortStableFunc(found, byImportance)
	found = found[:min(len(found), maxFindings)]
	for i, one := range found {
		p.Errors = append(p.Errors, client.FieldError{Field: one.Field, Message: one.Message})
		if i == 0 {
			p.Code, p.Field, p.Detail = one.Code, one.Field, one.Error()
		} else {
			p.Detail += "; " + one.Error()
		}
	}
	recordOf(ctx.Context()).code = p.Code
	return p, nil
}

// byImportance puts unknown fields first: a misspelt name explains the missing
// one.
func byImportance(a, b *postback.Error) int {
	if (a.Code == postback.CodeUnknownField) != (b.Code == postback.CodeUnknownField) {
		if a.Code == postback.CodeUnknownField {
			return -1
		}
		return 1
	}
	return strings.Compare(a.Field, b.Field)
}

// explain puts one finding of huma in the words of the API. Only messages that
// are made of the schema pass; others could hold a value.
func explain(detail *huma.ErrorDetail) *postback.Error {
	_, field, _ := strings.Cut(detail.Location, ".")
	if rest, ok := strings.CutPrefix(detail.Message, "expected required property "); ok {
		name, _, _ := strings.Cut(rest, " ")
		return postback.Invalid(strings.TrimPrefix(field+"."+name, "."), postback.CodeInvalid, "is required")
	}
	switch {
	case detail.Message == "unexpected property":
		return unknownField(field)
	case strings.HasPrefix(detail.Message, "expected value to match"):
		return postback.Invalid(field, postback.CodeInvalid, "has none of the forms that /openapi.json describes")
	default:
		return postback.Invalid(field, postback.CodeInvalid, "%s", refusal(detail))
	}
}

// refusal says what is wrong with a value and what to give instead. It repeats
// what cannot be a secret: what stood in the query, a number where a number was
// asked for, a time, true and false.
func refusal(detail *huma.ErrorDetail) string {
	use := remedy(detail.Message)
	text, isText := detail.Value.(string)
	switch {
	case detail.Value == false && strings.HasSuffix(use, ` one of true`):
		return "is false, which filters nothing: give true, or leave it out"
	case use == "":
		return "is not valid"
	case isText && (strings.HasPrefix(detail.Location, "query.") || use == useStamp):
		return fmt.Sprintf("invalid value %.60q: %s", text, use)
	case !isText && (strings.HasPrefix(detail.Location, "query.") || strings.HasPrefix(use, "use a number ")):
		return fmt.Sprintf("invalid value %.60s: %s", fmt.Sprint(detail.Value), use)
	default:
		return use
	}
}

// useStamp says how a time is written where it cannot be an age.
const useStamp = `use RFC 3339, such as "2026-01-31T12:00:00Z"`

// remedy says what to give instead, in words of our own for what huma finds most
// often.
func remedy(message string) string {
	switch message {
	case "invalid integer":
		return "use a whole number"
	case "invalid float":
		return "use a number"
	case "invalid boolean":
		return "use true or false"
	case "expected string to be RFC 3339 date-time":
		return useStamp
	}
	if names, found := strings.CutPrefix(message, `expected value to be one of "`); found {
		return "use one of " + strings.TrimSuffix(names, `"`)
	}
	if bound, found := strings.CutPrefix(message, "expected number "); found {
		return "use a number " + bound
	}
	if strings.HasPrefix(message, "expected ") {
		return message
	}
	return ""
}

func unknownField(field string) *postback.Error {
	return postback.Invalid(field, postback.CodeUnknownField, "is not a field of this request; remove it or correct its spelling")
}

// notFound answers for things that are not there, or not the caller's.
func notFound(thing string) *postback.Error {
	return postback.Failure(postback.CodeNotFound, "%s not found", thing)
}
