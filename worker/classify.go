package worker

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/internal/expect"
	"github.com/waybillhq/waybill/internal/retry"
	"github.com/waybillhq/waybill/postback"
)

// verdict says what an answer, or the lack of one, leads to.
type verdict struct {
	outcome    postback.Outcome
	failure    *postback.AttemptError // nil on success
	cause      string                 // what the delivery keeps of the failure; empty: its code
	next       next
	reason     postback.Reason // of the dead letter or the parked delivery, when next is giveUp or hold
	note       string          // for the history; empty: none
	retryAfter string          // when the receiver wants the next attempt, in its own words
}

// next is what follows an attempt.
type next string

const (
	done     next = "done"
	tryAgain next = "try_again" // as often as the retry policy allows
	giveUp   next = "give_up"   // a dead letter at once
	notSent  next = "not_sent"  // our own failure, which uses up no attempt
	blocked  next = "blocked"   // a failure of ours with this endpoint, such as a secret that does not open
	disable  next = "disable"   // the endpoint, with the delivery held
	hold     next = "hold"      // parked until the endpoint is mended
)

// classifyStage judges the answer.
type classifyStage struct{ egress *egressPath }

// answer judges what came back, and whose fault a failure is. What only this
// endpoint's settings keep from being sent is blocked.
func (s *classifyStage) answer(d *delivery) {
	v := classify(d.endpoint, d.expected, d.result)
	if d.unsigned && v.next == notSent {
		v.next = blocked
	}
	d.verdict = s.egress.blame(d, v)
}

// classify judges what came back from an endpoint. Only 200 is success, or the
// statuses that the endpoint has instead, and of those only the answers whose body
// is as expected; nil expects nothing.
func classify(endpoint postback.Endpoint, expected *expect.Check, result egress.Result) verdict {
	switch {
	case result.Failure != nil:
		return classifyFailure(endpoint.Retry, *result.Failure)
	case endpoint.IsSuccess(result.StatusCode) && expected != nil:
		return classifyBody(endpoint.Retry, expected, result)
	case endpoint.IsSuccess(result.StatusCode):
		return verdict{outcome: postback.OutcomeSucceeded, next: done}
	default:
		return classifyStatus(endpoint, result)
	}
}

func classifyFailure(policy postback.RetryPolicy, failure egress.Failure) verdict {
	v := verdict{
		outcome: postback.OutcomeFailed, next: tryAgain,
		failure: &postback.AttemptError{Code: failure.Code, Message: failure.Message},
	}
	switch {
	case failure.Kind == egress.Infrastructure:
		v.next = notSent
	case failure.Kind == egress.Refused:
		v.outcome = postback.OutcomeRefused
		v.next, v.reason, v.cause = giveUp, refusedReason(failure), postback.FailureOf(failure.Code, failure.Field)
	case !retry.Wants(policy, classesOf(failure.Code)...):
		v.next, v.reason = giveUp, postback.ReasonNotRetried
	}
	return v
}

// refusedReason tells an address that is never sent to from a request that
// could not even be made.
func refusedReason(failure egress.Failure) postback.Reason {
	if failure.Code == egress.CodeDenied {
		return postback.ReasonRefused
	}
	return postback.ReasonUnsendable
}

// classesOf are the classes of failures on the way, by which a retry policy
// picks those that are worth another attempt.
func classesOf(code string) []string {
	if egress.IsTLS(code) {
		return []string{retry.TLS}
	}
	switch code {
	case egress.CodeTimeout:
		return []string{retry.Timeout}
	case egress.CodeConnectTimeout:
		return []string{retry.Timeout, retry.Connection}
	case egress.CodeConnect, egress.CodeConnectRefused, egress.CodeConnectUnreachable,
		egress.CodeReset, egress.CodeClosed, egress.CodeInvalidResponse:
		return []string{retry.Connection}
	case egress.CodeDNS, egress.CodeFamily:
		return []string{retry.DNS}
	default:
		return nil
	}
}

func classifyStatus(endpoint postback.Endpoint, result egress.Result) verdict {
	policy := endpoint.Retry
	v := verdict{
		outcome: postback.OutcomeFailed, next: tryAgain, retryAfter: result.Header.Get("Retry-After"),
		failure: &postback.AttemptError{
			Code:    "status_not_200",
			Message: fmt.Sprintf("the endpoint answered %d; only %s is success", result.StatusCode, endpoint.SuccessText()),
		},
	}
	switch {
	case slices.Contains(policy.StopOn, result.StatusCode):
		v.next, v.reason = giveUp, postback.ReasonStopped
	case result.StatusCode == http.StatusGone && !retry.Names(policy, http.StatusGone):
		v.next = disable
	case !retry.WantsStatus(policy, result.StatusCode):
		v.next, v.reason = giveUp, postback.ReasonNotRetried
	}
	return v
}

// noteDuplicate is what the history says of a body by which the receiver said
// that it has had the message before.
const noteDuplicate = "duplicate"

func classifyBody(policy postback.RetryPolicy, expected *expect.Check, result egress.Result) verdict {
	matched, duplicate := expected.Match(result.Body)
	switch {
	case duplicate:
		return verdict{outcome: postback.OutcomeSucceeded, next: done, note: noteDuplicate}
	case matched:
		return verdict{outcome: postback.OutcomeSucceeded, next: done}
	}
	v := verdict{
		outcome: postback.OutcomeFailed, next: tryAgain, retryAfter: result.Header.Get("Retry-After"),
		failure: &postback.AttemptError{Code: retry.UnexpectedBody, Message: unexpected(expected, result)},
	}
	if !retry.Wants(policy, retry.UnexpectedBody) {
		v.next, v.reason = giveUp, postback.ReasonNotRetried
	}
	return v
}

// unexpected says what is wrong with a body, and what may have made it so.
func unexpected(expected *expect.Check, result egress.Result) string {
	message := fmt.Sprintf("the endpoint answered %d, but its body is not %s", result.StatusCode, expected)
	if result.Truncated {
		message += fmt.Sprintf("; only its first %d bytes were read", len(result.Body))
	}
	if encoding := result.Header.Get("Content-Encoding"); encoding != "" {
		message += "; it came with a Content-Encoding, which was not asked for and is not undone"
	}
	return message
}
