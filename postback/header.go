package postback

import "strings"

// MaskedHeader stands for the value of a header that may hold a credential.
const MaskedHeader = "[masked]"

// HoldsCredential reports whether the name of a header says that its value may
// be a credential, such as Authorization, Set-Cookie or X-Api-Key.
func HoldsCredential(header string) bool {
	header = strings.ToLower(header)
	for _, part := range []string{"authorization", "cookie", "key", "token", "secret", "password", "credential"} {
		if strings.Contains(header, part) {
			return true
		}
	}
	return false
}
