package diagnose

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
)

// shortestMatch is how many hex digits of a cut signature must be right: 64
// bits, which none of a few thousand trials hits by chance.
const shortestMatch = 16

// form is how a scheme writes its signatures, as declarations name it.
type form string

const (
	hexForm       form = "hex"
	upperHexForm  form = "hex-upper"
	base64Form    form = "base64"
	base64URLForm form = "base64url"
)

func (f form) isHex() bool { return f == hexForm || f == upperHexForm }

// wanted is a signature that was received, in lowercase hex.
type wanted struct {
	digits  string
	written []mistake
}

// readWanted reads a signature in all ways in which it can be meant.
func readWanted(text string, right form) []wanted {
	var given []mistake
	if strings.Contains(text, "%") {
		if decoded, err := url.PathUnescape(text); err == nil {
			text = decoded
		}
	}
	if trimmed := strings.Trim(text, " \t\r\n\"'"); trimmed != text {
		given = append(given, mistake{"signature_padded", "the signature were without the white space or quotes around it", ""})
		text = trimmed
	}
	for _, prefix := range []string{"sha1=", "sha256=", "sha512=", "md5=", "v1=", "v1,"} {
		if rest, found := strings.CutPrefix(text, prefix); found {
			given = append(given, mistake{"signature_prefixed", "the signature were without " + prefix + " before it", ""})
			text = rest
		}
	}
	if isHex(text) {
		return []wanted{{strings.ToLower(text), append(given, hexMistakes(text, right)...)}}
	}
	return readBase64(text, right, given)
}

func hexMistakes(text string, right form) []mistake {
	switch {
	case !right.isHex():
		return []mistake{{"signature_hex", "the signature were written in base64 instead of hex", ""}}
	case right == upperHexForm && strings.ToUpper(text) != text:
		return []mistake{{"signature_lower_case", "the signature were written in upper-case hex digits", ""}}
	case right == hexForm && strings.ToLower(text) != text:
		return []mistake{{"signature_upper_case", "the signature were written in lower-case hex digits", ""}}
	default:
		return nil
	}
}

// readBase64 reads the usual and the URL alphabet, with and without padding, as
// far as whole groups of four go: the rest may have been cut off.
func readBase64(text string, right form, given []mistake) []wanted {
	usual := strings.NewReplacer("-", "+", "_", "/", " ", "+").Replace(strings.TrimRight(text, "="))
	raw, err := base64.RawStdEncoding.DecodeString(usual)
	if err != nil {
		if raw, err = base64.RawStdEncoding.DecodeString(usual[:len(usual)/4*4]); err != nil {
			return nil
		}
	}
	if len(raw) == 0 {
		return nil
	}
	if isHex(string(raw)) {
		return []wanted{{strings.ToLower(string(raw)), append(given, mistake{
			"signature_base64_of_hex",
			"base64 were not put around the signature's hex digits", "",
		})}}
	}
	switch {
	case right.isHex():
		given = append(given, mistake{"signature_base64", "the signature were written in hex instead of base64", ""})
	case right == base64Form && strings.ContainsAny(text, "-_"):
		given = append(given, mistake{"signature_form", "the signature were written in base64 with + and / instead of - and _", ""})
	case right == base64URLForm && strings.ContainsAny(text, "+/= "):
		given = append(given, mistake{"signature_form", "the signature were written in base64url: with - and _, and without padding", ""})
	}
	return []wanted{{hex.EncodeToString(raw), given}}
}

func isHex(text string) bool {
	for i := range len(text) {
		if !isHexDigit(text[i]) {
			return false
		}
	}
	return text != ""
}

func isHexDigit(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// computed is the judge for a formula that is known.
type computed struct {
	right  algorithm
	wanted []wanted
	with   []algorithm // that can have made one of those
}

func newComputed(right algorithm, all []wanted) computed {
	c := computed{right: right}
	for _, w := range all {
		if len(w.digits) < shortestMatch {
			continue
		}
		made, exact := ofSize(len(w.digits))
		if exact {
			c.need(made)
		}
		if len(w.digits) <= right.size*2 {
			c.need(right)
		}
		if exact || len(w.digits) < right.size*2 {
			c.wanted = append(c.wanted, w)
		}
	}
	return c
}

func (c *computed) need(a algorithm) {
	for _, known := range c.with {
		if known.name == a.name {
			return
		}
	}
	c.with = append(c.with, a)
}

func (c computed) digests() int { return len(c.with) }

func (c computed) holds(r recipe, text []byte) ([]mistake, bool) {
	for _, with := range c.with {
		sum := r.sum(text, with)
		for _, w := range c.wanted {
			if written, ok := c.same(sum, w, with); ok {
				return written, true
			}
		}
	}
	return nil, false
}

// same compares a digest with a signature that was received: all of it, or the
// beginning of the right algorithm's when that one is shorter.
func (c computed) same(sum string, w wanted, with algorithm) ([]mistake, bool) {
	written := append([]mistake(nil), w.written...)
	switch {
	case len(w.digits) == len(sum):
		if with.name != c.right.name {
			written = append(written, mistake{"wrong_hash", "the hash were " + with.name + " instead of " + c.right.name, ""})
		}
	case len(w.digits) < len(sum) && with.name == c.right.name:
		sum = sum[:len(w.digits)]
		written = append(written, mistake{"signature_truncated", "the signature were whole: its end is missing", ""})
	default:
		return nil, false
	}
	return written, hmac.Equal([]byte(sum), []byte(w.digits))
}
