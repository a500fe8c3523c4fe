package signer

import (
	"fmt"
	"strconv"
	"unicode"
)

// Codes of an Error. They are stable.
const (
	CodeUnknownScheme      = "unknown_scheme"
	CodeMethodNotAllowed   = "method_not_allowed"
	CodeSecretMissing      = "secret_missing"
	CodeSecretTooShort     = "secret_too_short"
	CodeSecretTooLong      = "secret_too_long"
	CodeSecretInvalid      = "secret_invalid"
	CodeMessageIDInvalid   = "message_id_invalid"
	CodeURLMissing         = "url_missing"
	CodeURLTooLong         = "url_too_long"
	CodeURLScheme          = "url_scheme_not_allowed"
	CodeURLCharacter       = "url_invalid_character"
	CodeURLEscape          = "url_invalid_escape"
	CodeURLUserInfo        = "url_user_info"
	CodeURLHost            = "url_invalid_host"
	CodeURLHostNotASCII    = "url_host_not_ascii"
	CodeURLPort            = "url_invalid_port"
	CodeURLFragment        = "url_fragment"
	CodeURLDotSegment      = "url_dot_segment"
	CodeURLQuery           = "url_query_not_allowed"
	CodeURLPath            = "url_path_not_allowed"
	CodeURLEmptyParameter  = "url_empty_parameter"
	CodeDuplicateParameter = "duplicate_parameter"
	CodeReservedParameter  = "reserved_parameter"
	CodeTooManyParameters  = "too_many_parameters"
	CodeMacroUnknown       = "unknown_macro"
	CodeMacroNotClosed     = "macro_not_closed"
	CodeMacroMisplaced     = "macro_misplaced"
	CodeMacroMissing       = "macro_missing"
	CodeTemplateMismatch   = "template_mismatch"
	CodeDataInvalid        = "data_invalid"
	CodeDataTooLarge       = "data_too_large"
	CodeDataTooDeep        = "data_too_deep"
	CodeDataEmpty          = "data_empty"
	CodeDuplicateName      = "duplicate_name"
	CodeReservedName       = "reserved_name"
	CodeNameInvalid        = "name_invalid"
	CodeValueNested        = "nested_value"
	CodeValueInvalid       = "value_invalid"
	CodeValueMissing       = "value_missing"
	CodeBodyInvalid        = "body_invalid"
	CodeSignatureMissing   = "signature_missing"
	CodeSignatureMismatch  = "signature_mismatch"
	CodeTimestampInvalid   = "timestamp_invalid"
	CodeTimestampRefused   = "timestamp_out_of_tolerance"
	CodeDeclaration        = "declaration_invalid"
)

// Error says what was refused: a stable Code, the Field it is about in the
// words of the HTTP API ("url", "method", "data.user_id", "scheme", "secret";
// empty for none) or of a declaration ("parts[2].field") and a Message that says how to mend it. It never holds a
// secret, nor a value of the event's data.
type Error struct {
	Code    string
	Field   string
	Message string
}

func (e *Error) Error() string {
	if e.Field == "" {
		return e.Message
	}
	return e.Field + ": " + e.Message
}

func refuse(field, code, format string, args ...any) *Error {
	return &Error{Code: code, Field: field, Message: fmt.Sprintf(format, args...)}
}

// dataField is the API's name for a member of the data. Names come from
// outside, so what is long or cannot be printed is shown quoted and cut.
func dataField(name []byte) string {
	const shown = 64
	text := string(name)
	cut := text
	if len(cut) > shown {
		cut = cut[:shown]
	}
	for _, r := range cut {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return "data." + strconv.QuoteToASCII(cut)
		}
	}
	if len(cut) < len(text) {
		cut += "..."
	}
	return "data." + cut
}
