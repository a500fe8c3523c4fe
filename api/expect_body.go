package api

import (
	"github.com/danielgtaylor/huma/v2"

	"github.com/waybillhq/waybill/postback"
)

// expectBody is what the body of a 200 must be. The domain checks it.
type expectBody struct {
	Exact     string `json:"exact,omitempty" minLength:"1" maxLength:"1000" doc:"The whole body, but for white space around it"`
	Contains  string `json:"contains,omitempty" minLength:"1" maxLength:"1000" doc:"A part of the body"`
	Regex     string `json:"regex,omitempty" minLength:"1" maxLength:"500" doc:"A regular expression (RE2) that is found in the body"`
	JSONPath  string `json:"json_path,omitempty" minLength:"1" maxLength:"200" example:"data.0.status" doc:"Where equals is in a JSON body: names and indexes, joined by dots"`
	Equals    scalar `json:"equals,omitzero" doc:"What is at json_path: a string, a number or a boolean"`
	Duplicate texts  `json:"duplicate,omitzero" doc:"Bodies that say that the message was had before, such as DUP; they are success too"`
}

func (b expectBody) expect() *postback.Expect {
	return &postback.Expect{
		Exact: b.Exact, Contains: b.Contains, Regex: b.Regex, JSONPath: b.JSONPath, Equals: b.Equals.Scalar, Duplicate: b.Duplicate.Texts,
	}
}

func expectOf(e *postback.Expect) *expectBody {
	if e == nil {
		return nil
	}
	return &expectBody{
		Exact: e.Exact, Contains: e.Contains, Regex: e.Regex, JSONPath: e.JSONPath, Equals: scalar{e.Equals}, Duplicate: texts{e.Duplicate},
	}
}

// scalar is a string, a number or a boolean.
type scalar struct{ postback.Scalar }

// IsZero leaves an absent one out.
func (s scalar) IsZero() bool { return s.Scalar == "" }

// Schema allows the three.
func (scalar) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{{Type: huma.TypeString}, {Type: huma.TypeNumber}, {Type: huma.TypeBoolean}}}
}

// texts are a string or a list of strings.
type texts struct{ postback.Texts }

// IsZero leaves an absent one out.
func (t texts) IsZero() bool { return len(t.Texts) == 0 }

// Schema allows both.
func (texts) Schema(huma.Registry) *huma.Schema {
	text := &huma.Schema{Type: huma.TypeString}
	return &huma.Schema{OneOf: []*huma.Schema{text, {Type: huma.TypeArray, Items: text}}}
}
