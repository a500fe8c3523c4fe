package signer

// isUnreserved says whether RFC 3986, section 2.3, lets a byte stand for itself
// anywhere in a URL.
func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

// isURLCharacter says whether a byte may stand raw in a path or a query
// (RFC 3986, sections 3.3 and 3.4). "%" is not among them: it begins an escape.
func isURLCharacter(c byte) bool {
	switch c {
	case '!', '$', '&', '\'', '(', ')', '*', '+', ',', ';', '=', ':', '@', '/', '?':
		return true
	default:
		return isUnreserved(c)
	}
}

// appendEscaped appends text percent-encoded as PHP's rawurlencode does it:
// unreserved bytes raw, all others as %XX in uppercase.
func appendEscaped(dst, text []byte) []byte {
	const digits = "0123456789ABCDEF"
	for _, c := range text {
		if isUnreserved(c) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		}
	}
	return dst
}

// appendForm appends text percent-encoded as PHP's urlencode does it: as
// appendEscaped, but with "+" for a space and %7E for "~".
func appendForm(dst, text []byte) []byte {
	for i, c := range text {
		switch c {
		case ' ':
			dst = append(dst, '+')
		case '~':
			dst = append(dst, "%7E"...)
		default:
			dst = appendEscaped(dst, text[i:i+1])
		}
	}
	return dst
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// isEscape says whether an escape (%XX) begins at i.
func isEscape(s string, i int) bool {
	return i+2 < len(s) && s[i] == '%' && isHex(s[i+1]) && isHex(s[i+2])
}
