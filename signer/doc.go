// Package signer builds, signs and verifies postbacks in the schemes of the
// networks whose publishers already verify them.
//
// What it guarantees:
//
//   - A signature covers exactly the bytes to be sent: net/http puts
//     Request.URL on the wire as it stands, and Request.Body is the body.
//   - Numbers keep the spelling they have in the event's data and, where the
//     data becomes a body, its members keep their order.
//   - Nothing it returns or reports holds a secret. Request.StringToSign shows
//     one that is part of it as "<secret>".
//   - Anything a scheme cannot carry is refused with an *Error that names the
//     field; nothing is dropped, cut or re-encoded silently.
//   - Signatures are compared in constant time.
//   - It is pure: no I/O and no clock, standard library only. All of it may be
//     used from many goroutines. A scheme remembers the targets that it checked
//     last, a bounded number, which changes its speed and nothing else. Compile
//     alone may look up a time zone, and Middleware alone reads a body and the
//     time.
//
// # Schemes are declared
//
// A [Declaration] says where a network wants the event's data, what it signs,
// how, and where the signature goes. [Compile] makes a scheme out of it; besitos,
// bitlabs and simpleswap are declarations too. standard-webhooks is code.
//
// # Data in a URL
//
// Schemes that carry the data in a URL, such as besitos (parameter verifier) and
// bitlabs (macros, parameter hash), take flat data only. In a value a string is percent-encoded as
// PHP's rawurlencode does it, a number keeps its spelling, true is 1, false
// is 0, and null is empty. NUL and nested values are refused.
//
// # What simpleswap does not promise
//
// Its verifyToken is a digest of messageId, publicId, status and the secret,
// joined by "_". Nothing else of the body is signed, and moving an "_" between
// publicId and status leaves the token as it is: a receiver should take
// amounts from the exchange itself and accept known statuses only.
//
// # Where to begin
//
// Receivers put [Middleware] before their handler, or use [Verify] with
// [ReceivedFrom]; importing this package brings in no other module. Senders use
// [Lookup] and the [Scheme] it returns.
package signer
