package secret

import (
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/waybillhq/waybill/signer/internal/declare"
	"github.com/waybillhq/waybill/signer/internal/refusal"
)

// Key is how a secret becomes a key.
type Key struct {
	Encoding string
	Prefix   string
}

// Decode returns the key that a secret spells.
func (k *Key) Decode(secret string) ([]byte, error) {
	bare, found := strings.CutPrefix(secret, k.Prefix)
	if !found {
		return nil, refusal.New("secret", refusal.CodeSecretInvalid, "must begin with %s", k.Prefix)
	}
	switch k.Encoding {
	case declare.KeyHex:
		key, err := hex.DecodeString(bare)
		if err != nil {
			return nil, refusal.New("secret", refusal.CodeSecretInvalid, "is not hex")
		}
		return key, nil
	case declare.KeyBase64:
		key, err := base64.StdEncoding.DecodeString(bare)
		if err != nil {
			return nil, refusal.New("secret", refusal.CodeSecretInvalid, "is not base64")
		}
		return key, nil
	default:
		return []byte(bare), nil
	}
}
