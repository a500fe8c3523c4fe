package diagnose

import (
	"encoding/base64"
	"slices"
)

// signed is what a scheme signs of a request, piece by piece.
type signed struct {
	where  place // without the signature
	body   []byte
	pieces []piece
	joiner string
}

type pieceKind int

const (
	textPiece pieceKind = iota
	secretPiece
	urlPiece
	bodyPiece
)

type piece struct {
	name     string
	kind     pieceKind
	value    string // of a text
	inBase64 bool
}

func (s signed) text(key []byte) []byte {
	var text []byte
	for i, p := range s.pieces {
		if i > 0 {
			text = append(text, s.joiner...)
		}
		value := s.value(p, key)
		if p.inBase64 {
			text = base64.StdEncoding.AppendEncode(text, value)
		} else {
			text = append(text, value...)
		}
	}
	return text
}

func (s signed) value(p piece, key []byte) []byte {
	switch p.kind {
	case secretPiece:
		return key
	case urlPiece:
		return s.where.text()
	case bodyPiece:
		return s.body
	default:
		return []byte(p.value)
	}
}

func (s signed) has(kind pieceKind) bool {
	return slices.ContainsFunc(s.pieces, func(p piece) bool { return p.kind == kind })
}

// names are those of the pieces but for the secret.
func (s signed) names() []string {
	var names []string
	for _, p := range s.pieces {
		if p.kind != secretPiece {
			names = append(names, p.name)
		}
	}
	return names
}

func (s signed) place() place { return s.where }

func (s signed) at(p place) source {
	s.where = p
	return s
}

func (s signed) carries(body []byte) source {
	s.body = body
	return s
}
