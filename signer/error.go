package signer

import "github.com/waybillhq/waybill/signer/internal/refusal"

// Codes of an Error. They are stable.
const (
	CodeUnknownScheme      = refusal.CodeUnknownScheme
	CodeMethodNotAllowed   = refusal.CodeMethodNotAllowed
	CodeSecretMissing      = refusal.CodeSecretMissing
	CodeSecretTooShort     = refusal.CodeSecretTooShort
	CodeSecretTooLong      = refusal.CodeSecretTooLong
	CodeSecretInvalid      = refusal.CodeSecretInvalid
	CodeMessageIDInvalid   = refusal.CodeMessageIDInvalid
	CodeURLMissing         = refusal.CodeURLMissing
	CodeURLTooLong         = refusal.CodeURLTooLong
	CodeURLScheme          = refusal.CodeURLScheme
	CodeURLCharacter       = refusal.CodeURLCharacter
	CodeURLEscape          = refusal.CodeURLEscape
	CodeURLUserInfo        = refusal.CodeURLUserInfo
	CodeURLHost            = refusal.CodeURLHost
	CodeURLHostNotASCII    = refusal.CodeURLHostNotASCII
	CodeURLPort            = refusal.CodeURLPort
	CodeURLFragment        = refusal.CodeURLFragment
	CodeURLDotSegment      = refusal.CodeURLDotSegment
	CodeURLQuery           = refusal.CodeURLQuery
	CodeURLPath            = refusal.CodeURLPath
	CodeURLEmptyParameter  = refusal.CodeURLEmptyParameter
	CodeDuplicateParameter = refusal.CodeDuplicateParameter
	CodeReservedParameter  = refusal.CodeReservedParameter
	CodeTooManyParameters  = refusal.CodeTooManyParameters
	CodeMacroUnknown       = refusal.CodeMacroUnknown
	CodeMacroNotClosed     = refusal.CodeMacroNotClosed
	CodeMacroMisplaced     = refusal.CodeMacroMisplaced
	CodeMacroMissing       = refusal.CodeMacroMissing
	CodeTemplateMismatch   = refusal.CodeTemplateMismatch
	CodeDataInvalid        = refusal.CodeDataInvalid
	CodeDataTooLarge       = refusal.CodeDataTooLarge
	CodeDataTooDeep        = refusal.CodeDataTooDeep
	CodeDataEmpty          = refusal.CodeDataEmpty
	CodeDuplicateName      = refusal.CodeDuplicateName
	CodeReservedName       = refusal.CodeReservedName
	CodeNameInvalid        = refusal.CodeNameInvalid
	CodeValueNested        = refusal.CodeValueNested
	CodeValueInvalid       = refusal.CodeValueInvalid
	CodeValueMissing       = refusal.CodeValueMissing
	CodeBodyInvalid        = refusal.CodeBodyInvalid
	CodeSignatureMissing   = refusal.CodeSignatureMissing
	CodeSignatureMismatch  = refusal.CodeSignatureMismatch
	CodeTimestampInvalid   = refusal.CodeTimestampInvalid
	CodeTimestampRefused   = refusal.CodeTimestampRefused
	CodeDeclaration        = refusal.CodeDeclaration
)

// Error says what was refused: a stable Code, the Field it is about in the
// words of the HTTP API ("url", "method", "data.user_id", "scheme", "secret";
// empty for none) or of a declaration ("parts[2].field") and a Message that says how to mend it. It never holds a
// secret, nor a value of the event's data.
type Error = refusal.Error
