package diagnose

import (
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// The bounds of a search, for tests.
const (
	MostTrials = mostTrials + mostOrdered
	MostBytes  = 2 * mostBytes
	// MostOvershoot is what one trial may add when the bound is near.
	MostOvershoot = 8 * (longestURL*3 + longestBody*8)
)

// Cost is what an explanation computed.
func Cost(scheme string, received signer.Received, secrets []string) (findings []postback.Finding, trials, bytes int) {
	known, err := signer.Define(scheme)
	if err != nil {
		return nil, 0, 0
	}
	return CostBy(known, received, secrets)
}

// CostBy is Cost for a declared scheme.
func CostBy(known *signer.Definition, received signer.Received, secrets []string) (findings []postback.Finding, trials, bytes int) {
	findings, spent := explain(known.Name(), known, received, secrets, time.Time{})
	return findings, spent.trials, spent.bytes
}
