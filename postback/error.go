package postback

import (
	"errors"
	"fmt"
)

// Code names a kind of failure. Codes are stable: they appear in problem
// documents, in attempts, in logs and as metric labels.
type Code string

// Codes that say why a request to Waybill was refused.
const (
	CodeInvalid         Code = "invalid_request"
	CodeInvalidDuration Code = "invalid_duration"
	CodeUnknownField    Code = "unknown_field"
	CodeTooLarge        Code = "too_large"
	CodeIncompleteBody  Code = "incomplete_body" // no fault of what it says
	CodeUnauthorized    Code = "unauthorized"
	CodeForbidden       Code = "forbidden"
	CodeNotFound        Code = "not_found"
	CodeConflict        Code = "conflict"
	CodeNotEnded        Code = "delivery_not_ended"
	CodeEndpointDeleted Code = "endpoint_deleted"
	CodeSecretUnchanged Code = "secret_unchanged"
	CodeRotationPlanned Code = "rotation_planned"
	CodeTooManyRequests Code = "too_many_requests"
	CodeLimit           Code = "limit_reached" // of the server's settings
	CodeUnavailable     Code = "unavailable"
	CodeInternal        Code = "internal"
)

// Error is the one error type of the domain: a stable code, the field it is
// about (in the words of the API, such as "retry.schedule[0]"; empty when it is
// about no field) and a message that says what is wrong and how to mend it.
// The message never holds a secret or the refused value of one.
type Error struct {
	Code    Code
	Field   string
	Message string
	// Problems are those of the endpoints, when the error is that none of several can
	// carry an event.
	Problems Problems
}

func (e *Error) Error() string {
	if e.Field == "" {
		return e.Message
	}
	return e.Field + ": " + e.Message
}

// Invalid reports bad input in a field.
func Invalid(field string, code Code, format string, args ...any) *Error {
	return &Error{Code: code, Field: field, Message: fmt.Sprintf(format, args...)}
}

// Failure reports a failure that is about no single field.
func Failure(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// CodeOf returns the code of the first domain error in err's chain, or
// CodeInternal when there is none.
func CodeOf(err error) Code {
	if domain, ok := errors.AsType[*Error](err); ok {
		return domain.Code
	}
	return CodeInternal
}
