package diagnose

import (
	"slices"
	"strconv"
	"strings"

	"github.com/waybillhq/waybill/signer"
)

// The names of pieces that have none in the request.
const (
	theSecret = "the secret"
	theURL    = "the URL"
	theBody   = "the body"
)

// sign puts together what was signed, with what is wrong with it. where is the URL
// without the signature.
func (g *given) sign(where place) (signed, []mistake) {
	made := signed{where: where, body: g.body, joiner: g.Joiner}
	var wrong []mistake
	for _, part := range g.Parts {
		p, known := g.piece(part, where)
		p.inBase64 = part.Base64
		made.pieces, wrong = append(made.pieces, p), append(wrong, known...)
	}
	return made, wrong
}

func (g *given) piece(part signer.Part, where place) (piece, []mistake) {
	switch part.Part {
	case "secret":
		return piece{name: theSecret, kind: secretPiece}, nil
	case "url":
		return piece{name: theURL, kind: urlPiece}, nil
	case "body":
		return piece{name: theBody, kind: bodyPiece}, nil
	case "literal":
		return piece{name: strconv.Quote(part.Text), value: part.Text}, nil
	case "method":
		return piece{name: "the method", value: g.received.Method}, nil
	case "field":
		return g.find(g.Data.In, part.Field, g.field(part.Field), where)
	default:
		in, name := g.sent(part)
		return g.find(in, name, signer.Field{Required: true, Type: "string"}, where)
	}
}

// field is what the scheme says of a member of the data.
func (g *given) field(name string) signer.Field {
	if at := slices.IndexFunc(g.Fields, func(f signer.Field) bool { return f.Name == name }); at >= 0 {
		return g.Fields[at]
	}
	return signer.Field{}
}

// find reads a value that is signed.
func (g *given) find(in, name string, must signer.Field, where place) (piece, []mistake) {
	switch in {
	case "header":
		p := piece{name: strings.ToLower(name), value: signer.HeaderValue(g.received.Header, name)}
		if p.value == "" {
			g.note("signature_missing", "there is no header "+p.name)
		}
		return p, nil
	case inTemplate:
		return piece{name: "the timestamp", value: g.stamp}, nil
	case "query":
		return g.findValue(name, must.Required, where), nil
	default:
		return g.findText(name, must)
	}
}

// findValue reads a parameter.
func (g *given) findValue(name string, required bool, where place) piece {
	for _, parameter := range where.query {
		if unescape(nameOf(parameter), true) == name {
			return piece{name: name, value: unescape(valueOf(parameter), true)}
		}
	}
	if required {
		g.note("part_missing", "the URL has no parameter "+name+", which is signed")
	}
	return piece{name: name}
}

// findText reads a member of the body.
func (g *given) findText(name string, must signer.Field) (piece, []mistake) {
	raw := g.members[name]
	value, isText := textOf(raw)
	switch {
	case raw == nil && must.Required:
		g.note("part_missing", "the body has no "+name+", which is signed")
	case raw != nil && !isText && must.Type == "string":
		g.note("part_not_text", name+" is not a string")
		return piece{name: name, value: value}, []mistake{{"part_not_text", name + " were a string", ""}}
	case value == "null":
		value = ""
	}
	return piece{name: name, value: value}, nil
}

// begin adds a base for every secret.
func (g *given) begin(from signed, known []mistake, more []edit) {
	var edits []edit
	if from.has(urlPiece) {
		edits = placeEdits(from.where)
	}
	edits = append(edits, g.pieceEdits(from)...)
	if from.has(bodyPiece) {
		edits = append(edits, bodyEdits(from.body)...)
	}
	mode := hmacOf
	if !g.keyed {
		mode, edits = digestOf, append(edits, keyedEdits(from)...)
	}
	for _, secret := range g.secrets {
		own := slices.Concat(edits, g.undecoded(secret), commonOnes(keyEdits()))
		if g.keyed {
			own = append(own, commonOnes(modeEdits())...)
		}
		g.bases = append(g.bases, base{
			recipe: recipe{source: from, key: g.key(secret), mode: mode}, known: known, edits: append(own, more...),
		})
	}
}

// undecoded takes a secret that spells a key for the key.
func (g *given) undecoded(secret string) []edit {
	const code = "secret_not_decoded"
	prefix, encoded := g.Key.Prefix, strings.TrimPrefix(secret, g.Key.Prefix)
	own := func(clause, key string) edit {
		return onKey(code, "the key were the secret's own text"+clause, func([]byte) []byte { return []byte(key) })
	}
	switch {
	case prefix == "" && g.Key.Encoding == "":
		return nil
	case prefix == "":
		return []edit{own(", not decoded", secret)}
	default:
		return []edit{own(", with "+prefix, secret), own(" behind "+prefix+", not decoded", encoded)}
	}
}
