package compile

import (
	"time"

	"github.com/waybillhq/waybill/signer/internal/declare"
	"github.com/waybillhq/waybill/signer/internal/formula"
	"github.com/waybillhq/waybill/signer/internal/percent"
	"github.com/waybillhq/waybill/signer/internal/secret"
	"github.com/waybillhq/waybill/signer/internal/template"
)

// Plan is a declaration that was checked, in the form that signing needs.
type Plan struct {
	Name      string
	Methods   []string
	Data      Carriage
	Fields    []declare.Field
	Headers   []Added
	Formula   formula.Formula
	Place     Place
	Tail      int // bytes that a signature takes at most in a URL, with its name
	UsesID    bool
	Tolerance time.Duration
	Lints     []declare.Lint
	Finders   Finders
	Secret    secret.Form
	Retry     []time.Duration
}

// Place is where the signature goes.
type Place struct {
	declare.Place
	Pattern        template.Pattern // of Template
	OverlapPattern template.Pattern
	Stamp          *formula.Stamp // of {ts}
	Path           []string       // of a member
}

// Carriage is where the data goes.
type Carriage struct {
	In       string
	Order    string
	List     []string
	Encoding percent.Encoding // of values in a URL
	OwnQuery bool
	Rewrite  *formula.Canonicalizer // of a body; nil: verbatim
	Macros   *template.Macros
	First    []Added
	Last     []Added
	Reserved []string // names that the data must not have
}

// Added is a value that is sent besides the data.
type Added struct {
	Name  string
	Value formula.Value
}

// find returns the index of a macro by its name or alias.
func (k *Carriage) find(name string) (int, bool) {
	if k.Macros == nil {
		return 0, false
	}
	index, found := k.Macros.Index[name]
	return index, found
}
