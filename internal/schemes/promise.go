package schemes

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/waybillhq/waybill/internal/retry"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// Promise is the retry policy that a scheme's network promises its publishers;
// the zero policy when it promises none.
func Promise(scheme *signer.Definition) postback.RetryPolicy {
	if grows := scheme.Backoff(); grows != nil {
		first, longest := grows.Delays()
		return postback.RetryPolicy{
			Initial:     postback.Duration(first),
			Multiplier:  grows.Multiplier,
			MaxInterval: postback.Duration(longest),
			MaxAttempts: grows.MaxAttempts,
			Jitter:      grows.Jitter,
			StopOn:      scheme.StopOn(),
		}
	}
	promised := postback.RetryPolicy{StopOn: scheme.StopOn()}
	delays := scheme.Retry()
	if delays != nil {
		promised.Schedule = []postback.Duration{} // of none one attempt
	}
	for _, delay := range delays {
		promised.Schedule = append(promised.Schedule, postback.Duration(delay))
	}
	return promised
}

// excess is what a declaration has beyond a bound that is newer than some
// declarations of ledgers: those are used all the same.
type excess struct {
	err   error
	means string // for the endpoints of such a scheme
}

func excessOf(scheme *signer.Definition) *excess {
	if refused := checkPromise(scheme); refused != nil {
		return &excess{refused, "Its endpoints are delivered to, but changed only together with their retry policy"}
	}
	if refused := checkHeaders(scheme.Declaration()); refused != nil {
		return &excess{refused, "Its endpoints are delivered to, but common servers refuse such requests"}
	}
	return nil
}

// checkPromise refuses a promise that is no retry policy an endpoint can have, in the
// words of the declaration.
func checkPromise(scheme *signer.Definition) *signer.Error {
	promised := Promise(scheme)
	answers := postback.EndpointSettings{Retry: promised}
	refused, ok := errors.AsType[*postback.Error](cmp.Or(retry.Validate(promised), retry.ValidateAnswers(answers)))
	if !ok {
		return nil
	}
	field := strings.NewReplacer("retry.schedule", "retry", "retry.stop_on", "stop_on", "retry.", "backoff.").Replace(refused.Field)
	return &signer.Error{Code: signer.CodeDeclaration, Field: field, Message: refused.Message}
}

// longestHeaders bounds in bytes what a scheme sends in headers: half of what an
// attempt may have, which its endpoint adds to.
const longestHeaders = 8 << 10

func checkHeaders(declaration signer.Declaration) *signer.Error {
	size := len(declaration.Place.Name) + len(declaration.Place.Template)
	for _, header := range declaration.Headers {
		size += len(header.Name) + len(header.Text)
	}
	if size <= longestHeaders {
		return nil
	}
	return &signer.Error{
		Code: signer.CodeDeclaration, Field: "headers",
		Message: fmt.Sprintf("are longer than %d bytes, which common servers refuse", longestHeaders),
	}
}
