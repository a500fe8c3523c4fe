// Package formula makes signatures. What is signed depends on the formula, the
// material and what is sent alone, so that who signs and who verifies, each with
// material of its own, come to the same bytes.
package formula

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"slices"

	"github.com/waybillhq/waybill/signer/internal/declare"
	"github.com/waybillhq/waybill/signer/internal/secret"
)

const shownSecret = "<secret>"

// Formula makes a signature out of material.
type Formula struct {
	Parts     []Part
	Joiner    string
	Algorithm func() hash.Hash
	Keyed     bool
	Key       secret.Key
	Output    string
	Length    int    // of a signature
	Whole     string // the kind of the only part, when its bytes are signed as they are
	HasSecret bool   // among its parts
	HasFields bool
	OfMacros  bool // values of macros are among them
	OfURL     bool // something of the URL is
}

// Text returns what is signed with a secret. It may be part of w. It notes the
// place of the secret in m.
func (f *Formula) Text(m *Material, w *Wire, secret string) ([]byte, error) {
	switch f.Whole {
	case declare.PartURL:
		return w.URL, nil
	case declare.PartBody:
		return w.Body, nil
	}
	text := make([]byte, 0, 192)
	var err error
	first := true
	for i := range f.Parts {
		if f.Parts[i].When != "" && !f.Parts[i].takes(m) {
			continue
		}
		if !first {
			text = append(text, f.Joiner...)
		}
		first = false
		if f.Parts[i].Part.Part == declare.PartSecret {
			m.secretAt = len(text)
		}
		if text, err = f.Parts[i].append(text, m, w, secret); err != nil {
			return nil, err
		}
	}
	return text, nil
}

// Shown returns what is signed as people may see it.
func (f *Formula) Shown(m *Material, signed []byte, secret string) string {
	if !f.HasSecret {
		return string(signed)
	}
	return string(signed[:m.secretAt]) + shownSecret + string(signed[m.secretAt+len(secret):])
}

// AppendSignature appends the signature of a text.
func (f *Formula) AppendSignature(dst, text []byte, secret string) ([]byte, error) {
	var room [sha512.Size]byte
	if !f.Keyed {
		digest := f.Algorithm()
		digest.Write(text)
		return f.Encode(dst, digest.Sum(room[:0])), nil
	}
	key, err := f.Key.Decode(secret)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(f.Algorithm, key)
	mac.Write(text)
	return f.Encode(dst, mac.Sum(room[:0])), nil
}

// Signs says whether a part of that kind is signed.
func (f *Formula) Signs(kind string) bool {
	return slices.ContainsFunc(f.Parts, func(p Part) bool { return p.Part.Part == kind })
}

// UsesField says whether that member of the data is signed.
func (f *Formula) UsesField(name string) bool {
	return slices.ContainsFunc(f.Parts, func(p Part) bool { return p.Part.Part == declare.PartField && p.Field == name })
}

// Encode appends a digest as the signature is written.
func (f *Formula) Encode(dst, sum []byte) []byte {
	start := len(dst)
	switch f.Output {
	case declare.OutputBase64:
		return base64.StdEncoding.AppendEncode(dst, sum)
	case declare.OutputBase64URL:
		return base64.RawURLEncoding.AppendEncode(dst, sum)
	}
	dst = hex.AppendEncode(dst, sum)
	if f.Output == declare.OutputHexUpper {
		for i := start; i < len(dst); i++ {
			if 'a' <= dst[i] && dst[i] <= 'f' {
				dst[i] -= 'a' - 'A'
			}
		}
	}
	return dst
}

// AlgorithmOf returns the hash of a name without "hmac-", or nil.
func AlgorithmOf(name string) func() hash.Hash {
	switch name {
	case "md5":
		return md5.New
	case "sha1":
		return sha1.New
	case "sha256":
		return sha256.New
	case "sha512":
		return sha512.New
	default:
		return nil
	}
}
