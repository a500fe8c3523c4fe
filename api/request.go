package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/waybillhq/waybill/postback"
)

// maxBody bounds the body of a call that is not about events, in bytes.
const maxBody = 1 << 20

// readBody reads the body up to limit bytes, and unpacks it. How long the body may
// take is the listener's business.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength == 0 {
		return nil, nil
	}
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	var body bytes.Buffer
	body.Grow(int(min(max(r.ContentLength+bytes.MinRead, bytes.MinRead), 64<<10)))
	if _, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, limit)); err != nil {
		if _, exceeded := errors.AsType[*http.MaxBytesError](err); exceeded {
			return nil, tooLarge(limit)
		}
		return nil, postback.Failure(postback.CodeIncompleteBody, "the body is incomplete (%d of %s bytes); send the request again", body.Len(), announced(r))
	}
	return decodeBody(r, body.Bytes(), limit)
}

// announced is how long a body was to be.
func announced(r *http.Request) string {
	if r.ContentLength < 0 {
		return "unknown"
	}
	return strconv.FormatInt(r.ContentLength, 10)
}

// checkQuery refuses query parameters that the operation does not know, that
// have no value or that are given twice, so that no filter is lost silently.
func checkQuery(r *http.Request, op *huma.Operation) error {
	if r.URL.RawQuery == "" {
		return nil
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return postback.Failure(postback.CodeInvalid, "invalid query: use percent-encoding")
	}
	names := make([]string, 0, len(query))
	for name := range query {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		i := slices.IndexFunc(op.Parameters, func(p *huma.Param) bool { return p.In == "query" && p.Name == name })
		if i < 0 {
			return postback.Invalid(name, postback.CodeUnknownField, "is not a parameter of this call; remove it or correct its spelling")
		}
		if err := checkValues(op.Parameters[i], query[name]); err != nil {
			return err
		}
	}
	r.URL.RawQuery = query.Encode()
	return nil
}

func checkValues(param *huma.Param, values []string) error {
	if len(values) > 1 && param.Schema.Type != huma.TypeArray {
		return postback.Invalid(param.Name, postback.CodeInvalid, "is given more than once")
	}
	for _, value := range values {
		if value == "" {
			return postback.Invalid(param.Name, postback.CodeInvalid, "has no value; give one or leave the parameter out")
		}
		if err := postback.CheckText(param.Name, value); err != nil {
			return err //nolint:wrapcheck // it names the field
		}
	}
	return nil
}

// checkPath refuses ids that cannot exist.
func checkPath(r *http.Request) error {
	if postback.CheckText("id", r.PathValue("id")) != nil {
		return notFound("thing")
	}
	return nil
}

// takeBody reads the body of an operation and checks its outer form: what huma
// does not check. An operation without a body takes an empty object. Null is
// refused but in those members that it clears.
func takeBody(w http.ResponseWriter, r *http.Request, op *huma.Operation, cleared []string) error {
	body, err := readBody(w, r, maxBody)
	if err != nil {
		return err
	}
	switch {
	case len(bytes.TrimSpace(body)) == 0 && (op.RequestBody == nil || !op.RequestBody.Required):
		body = nil
	case op.RequestBody == nil:
		err = postback.DecodeObject(body, &struct{}{})
	default:
		if err = postback.CheckObject(body); err == nil {
			err = refuseNulls(body, cleared)
		}
	}
	if err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Type", "application/json") // Whatever the caller says, it was read as JSON.
	return nil
}
