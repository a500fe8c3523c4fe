package signer

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
	"strings"
)

const (
	outputHex       = "hex"
	outputHexUpper  = "hex-upper"
	outputBase64    = "base64"
	outputBase64URL = "base64url"

	shownSecret = "<secret>"

	keyUTF8   = "utf8"
	keyHex    = "hex"
	keyBase64 = "base64"
)

// formula makes a signature out of material.
type formula struct {
	parts     []part
	joiner    string
	algorithm func() hash.Hash
	keyed     bool
	key       keyForm
	output    string
	length    int    // of a signature
	whole     string // the kind of the only part, when its bytes are signed as they are
	hasSecret bool   // among its parts
	hasFields bool
	ofMacros  bool // values of macros are among them
	ofURL     bool // something of the URL is
}

// text returns what is signed with a secret. It may be part of w. It notes the
// place of the secret in m.
func (f *formula) text(m *material, w *wire, secret string) ([]byte, error) {
	switch f.whole {
	case partURL:
		return w.url, nil
	case partBody:
		return w.body, nil
	}
	text := make([]byte, 0, 192)
	var err error
	for i := range f.parts {
		if i > 0 {
			text = append(text, f.joiner...)
		}
		if f.parts[i].Part.Part == partSecret {
			m.secretAt = len(text)
		}
		if text, err = f.parts[i].append(text, m, w, secret); err != nil {
			return nil, err
		}
	}
	return text, nil
}

// shown returns what is signed as people may see it.
func (f *formula) shown(m *material, signed []byte, secret string) string {
	if !f.hasSecret {
		return string(signed)
	}
	return string(signed[:m.secretAt]) + shownSecret + string(signed[m.secretAt+len(secret):])
}

// appendSignature appends the signature of a text.
func (f *formula) appendSignature(dst, text []byte, secret string) ([]byte, error) {
	var room [sha512.Size]byte
	if !f.keyed {
		digest := f.algorithm()
		digest.Write(text)
		return f.encode(dst, digest.Sum(room[:0])), nil
	}
	key, err := f.key.decode(secret)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(f.algorithm, key)
	mac.Write(text)
	return f.encode(dst, mac.Sum(room[:0])), nil
}

// signs says whether a part of that kind is signed.
func (f *formula) signs(kind string) bool {
	return slices.ContainsFunc(f.parts, func(p part) bool { return p.Part.Part == kind })
}

func (f *formula) usesField(name string) bool {
	return slices.ContainsFunc(f.parts, func(p part) bool { return p.Part.Part == partField && p.Field == name })
}

func (f *formula) encode(dst, sum []byte) []byte {
	start := len(dst)
	switch f.output {
	case outputBase64:
		return base64.StdEncoding.AppendEncode(dst, sum)
	case outputBase64URL:
		return base64.RawURLEncoding.AppendEncode(dst, sum)
	}
	dst = hex.AppendEncode(dst, sum)
	if f.output == outputHexUpper {
		for i := start; i < len(dst); i++ {
			if 'a' <= dst[i] && dst[i] <= 'f' {
				dst[i] -= 'a' - 'A'
			}
		}
	}
	return dst
}

// algorithmOf returns the hash of a name without "hmac-", or nil.
func algorithmOf(name string) func() hash.Hash {
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

// keyForm is how a secret becomes a key.
type keyForm struct {
	encoding string
	prefix   string
}

func (k *keyForm) decode(secret string) ([]byte, error) {
	bare, found := strings.CutPrefix(secret, k.prefix)
	if !found {
		return nil, refuse("secret", CodeSecretInvalid, "must begin with %s", k.prefix)
	}
	switch k.encoding {
	case keyHex:
		key, err := hex.DecodeString(bare)
		if err != nil {
			return nil, refuse("secret", CodeSecretInvalid, "is not hex")
		}
		return key, nil
	case keyBase64:
		key, err := base64.StdEncoding.DecodeString(bare)
		if err != nil {
			return nil, refuse("secret", CodeSecretInvalid, "is not base64")
		}
		return key, nil
	default:
		return []byte(bare), nil
	}
}
