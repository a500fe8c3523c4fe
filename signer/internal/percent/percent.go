// Package percent writes and recognises what stands in URLs: raw characters and
// percent-encoded ones (RFC 3986), as PHP's two functions encode them.
package percent

// IsUnreserved says whether RFC 3986, section 2.3, lets a byte stand for itself
// anywhere in a URL.
func IsUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

// IsURLCharacter says whether a byte may stand raw in a path or a query
// (RFC 3986, sections 3.3 and 3.4). "%" is not among them: it begins an escape.
func IsURLCharacter(c byte) bool {
	switch c {
	case '!', '$', '&', '\'', '(', ')', '*', '+', ',', ';', '=', ':', '@', '/', '?':
		return true
	default:
		return IsUnreserved(c)
	}
}

// Encoding is a way to write text in a URL: which bytes stand for themselves, how a
// space is written, and in which case escapes are. What a receiver reads is the same in
// all of them.
type Encoding uint8

// Encodings, by who writes so.
const (
	RFC3986   Encoding = iota // PHP's rawurlencode: unreserved bytes alone stand raw
	RFC1738                   // PHP's urlencode: a space is "+", "~" is %7E
	Form                      // URLSearchParams: as RFC1738, but "*" stands raw
	Component                 // encodeURIComponent: as RFC3986, but ! ' ( ) * stand raw
	DotNet                    // HttpUtility.UrlEncode: a space is "+", ! ( ) * stand raw, escapes are in lowercase
)

// Append appends text in the encoding.
func (e Encoding) Append(dst, text []byte) []byte {
	digits := "0123456789ABCDEF"
	if e == DotNet {
		digits = "0123456789abcdef"
	}
	for _, c := range text {
		switch {
		case e.leavesRaw(c):
			dst = append(dst, c)
		case c == ' ' && e != RFC3986 && e != Component:
			dst = append(dst, '+')
		default:
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		}
	}
	return dst
}

func (e Encoding) leavesRaw(c byte) bool {
	switch c {
	case '~':
		return e == RFC3986 || e == Component
	case '*':
		return e == Form || e == Component || e == DotNet
	case '!', '(', ')':
		return e == Component || e == DotNet
	case '\'':
		return e == Component
	default:
		return IsUnreserved(c)
	}
}

// IsHex says whether a byte is a hex digit of either case.
func IsHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// IsEscape says whether an escape (%XX) begins at i.
func IsEscape(s string, i int) bool {
	return i+2 < len(s) && s[i] == '%' && IsHex(s[i+1]) && IsHex(s[i+2])
}

// Unhex is the value of a hex digit.
func Unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	default:
		return c - '0'
	}
}
