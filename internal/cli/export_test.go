package cli

// What the tests of this package look at from outside.
var (
	EscapeLine  = escapeLine
	EscapeBlock = escapeBlock
	EscapeJSON  = escapeJSON
)
