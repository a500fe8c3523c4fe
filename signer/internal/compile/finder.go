package compile

import (
	"github.com/waybillhq/waybill/signer/internal/declare"
	"github.com/waybillhq/waybill/signer/internal/formula"
	"github.com/waybillhq/waybill/signer/internal/refusal"
)

// Finder knows where a request says a value that was signed.
type Finder struct {
	In    string // header, query, macro, body, or template (of the signature's header)
	Name  string
	Macro int
	Stamp *formula.Stamp
}

// Finders are nil for what is not signed.
type Finders struct {
	ID, EventType, At, Occurred *Finder
}

// InTemplate is where a time is that the signature's header holds.
const InTemplate = "template"

// Field is what errors about a missing value speak of.
func (f *Finder) Field() string {
	switch f.In {
	case declare.InBody:
		return "body"
	case declare.PlaceHeader, InTemplate:
		return "headers"
	default:
		return "url"
	}
}

// Code is the code of those errors.
func (f *Finder) Code() string {
	if f.In == declare.InBody {
		return refusal.CodeBodyInvalid
	}
	return refusal.CodeValueMissing
}
