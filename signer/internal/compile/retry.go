package compile

import (
	"math"
	"time"

	"github.com/waybillhq/waybill/signer/internal/refusal"
)

// retries reads the delays that the network promises, and checks its backoff.
func (c *compiler) retries() error {
	for i, text := range c.declaration.Retry {
		delay, err := time.ParseDuration(text)
		if err != nil || delay <= 0 {
			return refusal.Wrong(refusal.At("retry", i), "must be a duration such as 30s")
		}
		c.d.Retry = append(c.d.Retry, delay)
	}
	b := c.declaration.Backoff
	if b == nil {
		return nil
	}
	first, longest := b.Delays()
	switch {
	case len(c.d.Retry) > 0:
		return refusal.Wrong("backoff", "and retry are both given: declare the delays or how they grow")
	case first <= 0:
		return refusal.Wrong("backoff.initial", "must be a duration such as 30s")
	case longest < first:
		return refusal.Wrong("backoff.max_interval", "must be a duration, not shorter than initial (%s)", first)
	case !(b.Multiplier >= 1) || math.IsInf(b.Multiplier, 0):
		return refusal.Wrong("backoff.multiplier", "must be a number of at least 1")
	case b.MaxAttempts < 1:
		return refusal.Wrong("backoff.max_attempts", "must be at least 1")
	case !(b.Jitter >= 0 && b.Jitter <= 1):
		return refusal.Wrong("backoff.jitter", "must be between 0 and 1")
	default:
		return nil
	}
}
