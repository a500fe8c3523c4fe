package signer

import (
	"crypto/hmac"
	"slices"

	"github.com/waybillhq/waybill/signer/internal/refusal"
)

// requireSecret wants the first secret, which signs when there is room for one
// signature.
func requireSecret(secrets []string) error {
	if len(secrets) == 0 || secrets[0] == "" {
		return refusal.New("secret", CodeSecretMissing, "there is no secret to sign with")
	}
	return nil
}

// eachSecret calls check with every secret. An empty one would let anybody
// sign, so it is refused.
func eachSecret(secrets []string, check func(secret string) error) error {
	if len(secrets) == 0 {
		return refusal.New("secret", CodeSecretMissing, "there is no secret to verify with")
	}
	if slices.Contains(secrets, "") {
		return refusal.New("secret", CodeSecretMissing, "is empty")
	}
	for _, secret := range secrets {
		if err := check(secret); err != nil {
			return err
		}
	}
	return nil
}

func mismatch(field string) *Error {
	return refusal.New(field, CodeSignatureMismatch, "the signature does not match: another secret, or a request that was changed")
}

// matchesAny says, in constant time for each, whether made is among the
// signatures.
func matchesAny(made []byte, signatures []string) bool {
	matched := false
	for _, signature := range signatures {
		if hmac.Equal(made, []byte(signature)) {
			matched = true
		}
	}
	return matched
}
