package signer

import "github.com/waybillhq/waybill/signer/internal/declare"

// What a declaration says. Each type's members are documented where it is
// defined, which is apart from this package so that the compiler of
// declarations can be, too.
type (
	// Declaration states a network's convention, so that a network can be added
	// without code. Compile checks it and makes a scheme out of it.
	//
	// The names of its members in JSON are those of the declaration files.
	Declaration = declare.Declaration
	// Data says where the event's data goes.
	Data = declare.Data
	// Macros says how the macros of a URL are spelled and what they stand for.
	Macros = declare.Macros
	// Macro stands for a member of the data, or for another value that can be added.
	Macro = declare.Macro
	// Added is a parameter, a member or a header that is sent besides the data.
	Added = declare.Added
	// Field is what a member of the data must be.
	Field = declare.Field
	// Part is a piece of the text that is signed.
	Part = declare.Part
	// Key says how a secret becomes the key of an HMAC.
	Key = declare.Key
	// Place says where the signature goes.
	Place = declare.Place
	// Secret is how the network's secrets look.
	Secret = declare.Secret
	// Backoff lets the delays between attempts grow.
	Backoff = declare.Backoff
	// Lint is a warning about a target that the network's receivers stumble over.
	Lint = declare.Lint
	// EventExample is data of an event such as the network sends.
	EventExample = declare.EventExample
	// Vector is what the network, or a program other than this one, computed.
	Vector = declare.Vector
	// VectorEvent is an event of a vector, to be signed.
	VectorEvent = declare.VectorEvent
	// VectorRequest is a request of a vector, as its receiver saw it.
	VectorRequest = declare.VectorRequest
)
