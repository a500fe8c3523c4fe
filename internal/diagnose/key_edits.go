package diagnose

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// keyEdits lists what goes wrong with a secret on its way into a program.
func keyEdits() []edit {
	appended := func(clause, more string) edit {
		return onKey("secret_white_space", clause, func(key []byte) []byte { return append(bytes.Clone(key), more...) })
	}
	return []edit{
		onKey("secret_white_space", "the secret were without the white space around it", bytes.TrimSpace),
		appended("a line break followed the secret", "\n"),
		appended("a line break (CR LF) followed the secret", "\r\n"),
		appended("a space followed the secret", " "),
		onKey("secret_white_space", "a space stood before the secret", func(key []byte) []byte { return append([]byte(" "), key...) }),
		onKey("secret_decoded", "the key were the bytes that the secret spells in hex", decodedHex),
		onKey("secret_decoded", "the key were the bytes that the secret spells in base64", decodedBase64),
		onKey("secret_encoded", "the key were the secret in base64", func(key []byte) []byte {
			return []byte(base64.StdEncoding.EncodeToString(key))
		}),
		onKey("secret_encoded", "the key were the secret's bytes in hex", func(key []byte) []byte {
			return []byte(hex.EncodeToString(key))
		}),
		onKey("secret_empty", "the secret were empty", func([]byte) []byte { return nil }),
		onKey("secret_quoted", "the secret were without its quotes", func(key []byte) []byte { return bytes.Trim(key, `"'`) }),
		onKey("secret_quoted", `the secret were in quotes (")`, func(key []byte) []byte { return []byte(`"` + string(key) + `"`) }),
		onKey("secret_quoted", "the secret were in quotes (')", func(key []byte) []byte { return []byte("'" + string(key) + "'") }),
		onKey("secret_case", "the secret were in lower case", bytes.ToLower),
		onKey("secret_case", "the secret were in upper case", bytes.ToUpper),
		onKey("secret_prefix", "the secret were without what stands before its first _", func(key []byte) []byte {
			_, rest, _ := bytes.Cut(key, []byte("_"))
			return rest
		}),
		onKey("secret_hashed", "the key were the secret's MD5 in hex", func(key []byte) []byte {
			sum := md5.Sum(key)
			return []byte(hex.EncodeToString(sum[:]))
		}),
		onKey("secret_hashed", "the key were the secret's SHA-256 in hex", func(key []byte) []byte {
			sum := sha256.Sum256(key)
			return []byte(hex.EncodeToString(sum[:]))
		}),
	}
}

// onKey makes an edit of the key. An empty one is no key, but where that is the
// mistake.
func onKey(code, clause string, change func([]byte) []byte) edit {
	return edit{mistake: mistake{code, clause, ""}, subject: ofKey, apply: func(r recipe) (recipe, bool) {
		changed := change(r.key)
		if len(changed) == 0 && code != "secret_empty" || bytes.Equal(changed, r.key) {
			return r, false
		}
		r.key = changed
		return r, true
	}}
}

func decodedHex(key []byte) []byte {
	decoded, err := hex.DecodeString(string(bytes.TrimSpace(key)))
	if err != nil {
		return nil
	}
	return decoded
}

func decodedBase64(key []byte) []byte {
	text := strings.TrimRight(strings.TrimSpace(string(key)), "=")
	text = strings.NewReplacer("-", "+", "_", "/").Replace(text)
	decoded, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	return decoded
}

// modeEdits lists other ways to put key and text together, for a scheme that
// makes an HMAC.
func modeEdits() []edit {
	to := func(code, clause string, wrong mode) edit {
		return edit{mistake: mistake{code, clause, ""}, subject: ofMode, apply: func(r recipe) (recipe, bool) {
			r.mode = wrong
			return r, true
		}}
	}
	return []edit{
		to("digest_for_hmac", "it were a plain digest, without the secret, instead of an HMAC", digestOf),
		to("secret_appended", "it were a plain digest of the text and the secret behind it, instead of an HMAC", keyLast),
		to("secret_prepended", "it were a plain digest of the secret and the text behind it, instead of an HMAC", keyFirst),
		to("key_and_text_swapped", "the HMAC's key were the text, and its text the secret", hmacTurned),
	}
}
