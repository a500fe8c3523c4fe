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

// AppendRaw appends text percent-encoded as PHP's rawurlencode does it:
// unreserved bytes raw, all others as %XX in uppercase.
func AppendRaw(dst, text []byte) []byte {
	const digits = "0123456789ABCDEF"
	for _, c := range text {
		if IsUnreserved(c) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		}
	}
	return dst
}

// AppendForm appends text percent-encoded as PHP's urlencode does it: as
// AppendRaw, but with "+" for a space and %7E for "~".
func AppendForm(dst, text []byte) []byte {
	for i, c := range text {
		switch c {
		case ' ':
			dst = append(dst, '+')
		case '~':
			dst = append(dst, "%7E"...)
		default:
			dst = AppendRaw(dst, text[i:i+1])
		}
	}
	return dst
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
