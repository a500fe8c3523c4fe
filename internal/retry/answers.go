package retry

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/waybillhq/waybill/postback"
)

// The classes of failures that a policy's On may name, beside single statuses
// such as "503".
const (
	Timeout        = "timeout"    // no connection, or no answer, in time
	Connection     = "connection" // not made, or broken before the answer was there
	TLS            = "tls"        // the handshake failed
	DNS            = "dns"        // the host has no address that can be used
	Informational  = "1xx"        // such as 101
	Successful     = "2xx"        // those that are no success
	Redirection    = "3xx"        // never followed
	ClientError    = "4xx"        // 429 among them
	ServerError    = "5xx"
	UnexpectedBody = "unexpected_body" // a success that does not say what the endpoint expects
)

// maxAnswers bounds how many failures a policy names.
const maxAnswers = 50

// Classes lists every class that a policy's On may name.
func Classes() []string {
	return []string{
		Timeout, Connection, TLS, DNS, Informational, Successful, Redirection, ClientError, ServerError, UnexpectedBody,
	}
}

// Wants reports whether the policy tries again after a failure of these classes.
func Wants(policy postback.RetryPolicy, classes ...string) bool {
	return len(policy.On) == 0 || slices.ContainsFunc(classes, func(class string) bool { return slices.Contains(policy.On, class) })
}

// WantsStatus reports whether the policy tries again after an answer that is no
// success.
func WantsStatus(policy postback.RetryPolicy, status int) bool {
	return len(policy.On) == 0 || Wants(policy, strconv.Itoa(status), strconv.Itoa(status/100)+"xx")
}

// Names reports whether the policy says by its number what follows a status.
func Names(policy postback.RetryPolicy, status int) bool {
	return slices.Contains(policy.StopOn, status) || slices.Contains(policy.On, strconv.Itoa(status))
}

// ValidateAnswers checks On and StopOn of an endpoint's policy: On names classes
// (see [Classes]) or statuses, StopOn names statuses; neither names one that is
// success there, and none is in both.
func ValidateAnswers(settings postback.EndpointSettings) error {
	policy := settings.Retry
	for i, name := range policy.On {
		if err := checkClass(fmt.Sprintf("retry.on[%d]", i), name, settings); err != nil {
			return err
		}
	}
	for i, status := range policy.StopOn {
		if err := checkStatus(fmt.Sprintf("retry.stop_on[%d]", i), status, settings); err != nil {
			return err
		}
	}
	switch {
	case len(policy.On) > maxAnswers:
		return invalid("retry.on", "must have at most %d entries", maxAnswers)
	case len(policy.StopOn) > maxAnswers:
		return invalid("retry.stop_on", "must have at most %d entries", maxAnswers)
	default:
		return nil
	}
}

func checkClass(field, name string, settings postback.EndpointSettings) error {
	if slices.Contains(Classes(), name) {
		return nil
	}
	status, err := strconv.Atoi(name)
	if err != nil || name != strconv.Itoa(status) {
		return invalid(field, `is no failure; name a class (%s) or a status such as "503"`, strings.Join(Classes(), ", "))
	}
	if slices.Contains(settings.Retry.StopOn, status) {
		return invalid(field, "is in retry.stop_on too; a status is either tried again or stopped on")
	}
	return checkStatus(field, status, settings)
}

// checkStatus refuses what is no status of a failed answer.
func checkStatus(field string, status int, settings postback.EndpointSettings) error {
	switch {
	case status < 100 || status > 599:
		return invalid(field, "%d is no status of an answer; name one from 100 to 599, such as 403", status)
	case settings.IsSuccess(status):
		return invalid(field, "%d is success for this endpoint, where success_statuses is %s; name a failure such as 403", status, settings.SuccessText())
	default:
		return nil
	}
}
