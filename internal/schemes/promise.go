package schemes

import (
	"errors"
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
		}
	}
	var promised postback.RetryPolicy
	delays := scheme.Retry()
	if delays != nil {
		promised.Schedule = []postback.Duration{} // of none one attempt
	}
	for _, delay := range delays {
		promised.Schedule = append(promised.Schedule, postback.Duration(delay))
	}
	return promised
}

// checkPromise refuses a promise that is no retry policy an endpoint can have, in the
// words of the declaration.
func checkPromise(scheme *signer.Definition) *signer.Error {
	refused, ok := errors.AsType[*postback.Error](retry.Validate(Promise(scheme)))
	if !ok {
		return nil
	}
	field := strings.NewReplacer("retry.schedule", "retry", "retry.", "backoff.").Replace(refused.Field)
	return &signer.Error{Code: signer.CodeDeclaration, Field: field, Message: refused.Message}
}
