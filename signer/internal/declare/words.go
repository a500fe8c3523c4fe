package declare

// Kinds of parts, and the words of their settings. Literals, the message's id, the
// event's type and times are what is added to the data, too.
const (
	PartLiteral   = "literal"
	PartField     = "field"
	PartSecret    = "secret"
	PartTimestamp = "timestamp"
	PartMessageID = "message_id"
	PartEventType = "event_type"
	PartMethod    = "method"
	PartURL       = "url"
	PartPathQuery = "path_query"
	PartQuery     = "query"
	PartValues    = "values"
	PartBody      = "body"
	PartJSON      = "json"

	FormDecoded = "decoded"
	FormRaw     = "raw"
	FormInteger = "integer"

	WhenAlways = "always"
	WhenSent   = "sent"
	WhenFilled = "filled"

	OrderGiven  = "given"
	OrderSorted = "sorted"
	OrderListed = "listed"

	Encoding3986 = "rfc3986"
	Encoding1738 = "rfc1738"
	EncodingNone = "none"

	EncodingForm      = "form"
	EncodingComponent = "component"
	EncodingDotNet    = "dotnet"

	StyleVerbatim   = "verbatim"
	StyleJavaScript = "javascript"
	StylePHP        = "php"
)

// Where the data goes, and where the signature.
const (
	InQuery = "query"
	InURL   = "url"
	InBody  = "body"

	PlaceQuery  = "query"
	PlaceMacro  = "macro"
	PlaceBody   = "body"
	PlaceHeader = "header"
)

// Formats of a timestamp.
const (
	FormatUnix      = "unix"
	FormatUnixMilli = "unix_milli"
	FormatRFC3339   = "rfc3339"
)

// How a signature is written, and how a secret spells a key.
const (
	OutputHex       = "hex"
	OutputHexUpper  = "hex-upper"
	OutputBase64    = "base64"
	OutputBase64URL = "base64url"

	KeyUTF8   = "utf8"
	KeyHex    = "hex"
	KeyBase64 = "base64"
)

// When a warning applies.
const (
	LintPort    = "port"
	LintNoMacro = "no_macro"
	LintNames   = "names"
	LintValue   = "value"

	HoldsEscape        = "escape"
	HoldsNonASCII      = "non_ascii"
	HoldsLineSeparator = "line_separator"
	HoldsNested        = "nested"
	HoldsList          = "list"
	HoldsTiny          = "tiny"
)

// How new secrets are made.
const (
	GenerateAlphanumeric = "alphanumeric"
	GenerateHex          = "hex"
	GenerateBase64       = "base64"
)
