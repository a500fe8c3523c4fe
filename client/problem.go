package client

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// CodeUnexpected is the code of an answer that is no problem document: what
// answered was likely no Waybill, or a proxy before it.
const CodeUnexpected postback.Code = "unexpected_answer"

// maxProblem bounds the bytes of a problem document that are read.
const maxProblem = 1 << 20

// Problem is a refusal by Waybill: an RFC 9457 problem document.
type Problem struct {
	Type   string        `json:"type" doc:"about:blank: the code says what kind of problem it is"`
	Title  string        `json:"title" doc:"The HTTP status in words"`
	Status int           `json:"status"`
	Detail string        `json:"detail" doc:"What is wrong and how to mend it"`
	Code   postback.Code `json:"code" doc:"Stable; for programs" example:"invalid_request"`
	Field  string        `json:"field,omitempty" doc:"The field that the problem is about, if one" example:"retry.schedule[0]"`
	Errors []FieldError  `json:"errors,omitempty" nullable:"false" doc:"Everything that is wrong"`
	More   int           `json:"more_errors,omitempty" doc:"How many are not listed"`
	// RetryAfter is how long Waybill asks to wait; zero when it did not say.
	RetryAfter time.Duration `json:"-"`
}

// FieldError is one of several things that are wrong with a request. An event that
// no endpoint can carry has one for each, with a code.
type FieldError struct {
	Field      string        `json:"field"`
	Message    string        `json:"message"`
	Code       postback.Code `json:"code,omitempty" doc:"When it is about an endpoint"`
	EndpointID string        `json:"endpoint_id,omitempty" doc:"The endpoint that cannot carry the event"`
}

// Error says what is wrong and how to mend it, then the code.
func (p *Problem) Error() string {
	text := p.Detail
	if text == "" {
		text = p.Title
	}
	return fmt.Sprintf("%s (%s, HTTP %d)", text, p.Code, p.Status)
}

// readProblem turns an answer that is not 2xx into a problem.
func readProblem(response *http.Response) *Problem {
	problem := &Problem{}
	mediaType, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	text, err := io.ReadAll(io.LimitReader(response.Body, maxProblem))
	if err != nil || mediaType != "application/problem+json" || json.Unmarshal(text, problem) != nil || problem.Code == "" {
		problem = &Problem{
			Title:  http.StatusText(response.StatusCode),
			Detail: "the answer is no problem document; is this the address of a Waybill?",
			Code:   CodeUnexpected,
		}
	}
	problem.Status = response.StatusCode
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		problem.RetryAfter = time.Duration(seconds) * time.Second
	}
	return problem
}
