package cli

import "github.com/waybillhq/waybill/signer"

// What the tests of this package look at from outside.
var (
	EscapeLine  = escapeLine
	EscapeBlock = escapeBlock
	EscapeJSON  = escapeJSON
)

// ParseRequest reads what --request was given.
func ParseRequest(text, base string) ([]signer.Received, error) {
	read, err := parseRequest([]byte(text))
	if err != nil {
		return nil, err
	}
	return read.received(base)
}
