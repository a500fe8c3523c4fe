package egress

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// maxHeaderBytes bounds all names and values of a request's headers together.
const maxHeaderBytes = 16 << 10

// CheckHeaders checks the headers that an endpoint adds to its requests. It
// refuses, as a [*Refusal] with the field "headers.NAME": names and values
// that HTTP does not allow (CR and LF among them), the headers that belong to
// the connection or to the framing of the message (Host, Content-Length and
// their like), the reserved names in any spelling (a scheme's signature and id
// headers), a name in two spellings, and more than 16 KiB in all.
func CheckHeaders(header http.Header, reserved ...string) error {
	seen := make(map[string]bool, len(header)+len(reserved))
	for _, name := range reserved {
		seen[http.CanonicalHeaderKey(name)] = true
	}
	size := 0
	for _, name := range slices.Sorted(maps.Keys(header)) {
		canonical := http.CanonicalHeaderKey(name)
		if reason := refuseHeader(name, canonical, header[name]); reason != "" {
			return refuseHeaders(name, reason)
		}
		if seen[canonical] {
			return refuseHeaders(name, "is set by the scheme, or twice")
		}
		seen[canonical] = true
		for _, value := range header[name] {
			size += len(name) + len(value)
		}
		if size > maxHeaderBytes {
			return refuseHeaders(name, fmt.Sprintf("makes the headers longer than %d bytes", maxHeaderBytes))
		}
	}
	return nil
}

func refuseHeaders(name, reason string) error {
	return &Refusal{Code: CodeInvalidHeader, Field: "headers." + plain(name), Message: reason}
}

func refuseHeader(name, canonical string, values []string) string {
	switch {
	case !httpguts.ValidHeaderFieldName(name):
		return "is not a header name"
	case ofConnection(canonical):
		return "belongs to the connection and cannot be set"
	case slices.ContainsFunc(values, func(value string) bool { return !httpguts.ValidHeaderFieldValue(value) }):
		return "has a value with a control character"
	default:
		return ""
	}
}

// ofConnection reports whether net/http or a hop on the way owns the header.
func ofConnection(canonical string) bool {
	switch canonical {
	case "Connection", "Content-Length", "Expect", "Host", "Http2-Settings", "Keep-Alive",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	default:
		return strings.HasPrefix(canonical, "Proxy-")
	}
}
