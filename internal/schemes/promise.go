package schemes

import (
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
	for _, delay := range scheme.Retry() {
		promised.Schedule = append(promised.Schedule, postback.Duration(delay))
	}
	return promised
}
