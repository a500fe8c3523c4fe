package compile

import (
	"cmp"

	"github.com/waybillhq/waybill/signer/internal/declare"
	"github.com/waybillhq/waybill/signer/internal/refusal"
	"github.com/waybillhq/waybill/signer/internal/secret"
)

const (
	usualLength   = 32
	usualMinimum  = 16
	longestLength = 128
)

func (c *compiler) secret() error {
	s, form := &c.declaration.Secret, &c.d.Secret
	*form = secret.Form{Prefix: s.Prefix, Key: c.d.Formula.Key, Length: cmp.Or(s.Length, usualLength), Shortest: cmp.Or(s.Minimum, usualMinimum)}
	var err error
	if form.Generated, err = oneOf("secret.generate", s.Generate, declare.GenerateAlphanumeric, declare.GenerateHex, declare.GenerateBase64); err != nil {
		return err
	}
	switch {
	case form.Length < 8 || form.Length > longestLength:
		return refusal.Wrong("secret.length", "must be from 8 to %d", longestLength)
	case form.Shortest < 8 || form.Shortest > longestLength:
		return refusal.Wrong("secret.minimum", "must be from 8 to %d", longestLength)
	}
	probe, err := form.Probe()
	if err != nil {
		return refusal.Wrong("secret", "no secret of this form can be made: %s", err)
	}
	if err := form.Check(probe); err != nil {
		return refusal.Wrong("secret", "what is generated is not accepted: %s", err)
	}
	return nil
}
