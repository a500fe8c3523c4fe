package diagnose

import (
	"net/url"
	"strings"

	"github.com/waybillhq/waybill/postback"
)

// redirected says where the receiver sends the caller, and what that means.
func (s Sent) redirected(answers string) []postback.Finding {
	location := s.header("Location")
	from, err := url.Parse(s.Attempt.Request.URL)
	if err != nil || location == "" {
		return one("redirect", answers+", and redirects are not followed: ask the publisher for the final URL")
	}
	to, err := from.Parse(location)
	if err != nil || to.Host == "" {
		return one("redirect", answers+", to a URL that cannot be read, and redirects are not followed: ask the publisher for the final URL")
	}
	target := shownURL(to)
	switch {
	case looksLikeLogin(to.Path) && !looksLikeLogin(from.Path):
		return one("redirect_login", answers+": it redirects to "+target+", which looks like a login page; the path must be open without a session")
	case from.Scheme == "http" && to.Scheme == "https" && sameHost(from, to):
		return one("redirect_https", answers+": the receiver redirects to "+target+": use that URL, with https://")
	case sameHost(from, to) && from.Path != to.Path && strings.TrimSuffix(from.Path, "/") == strings.TrimSuffix(to.Path, "/"):
		return one("redirect_slash", answers+": the receiver redirects to "+target+": use that URL, "+slashOf(to.Path))
	case sameHost(from, to) && from.Path == to.Path:
		return one("redirect_loop", answers+": the receiver redirects to the same URL, as one does that wants a cookie first; it must answer without one")
	default:
		return one("redirect", answers+": the receiver redirects to "+target+": use that URL; redirects are not followed")
	}
}

func sameHost(a, b *url.URL) bool { return strings.EqualFold(a.Hostname(), b.Hostname()) }

func slashOf(path string) string {
	if strings.HasSuffix(path, "/") {
		return "with the slash at its end"
	}
	return "without the slash at its end"
}

func looksLikeLogin(path string) bool {
	path = strings.ToLower(path)
	for _, word := range []string{"login", "signin", "sign-in", "sign_in", "/auth", "/sso"} {
		if strings.Contains(path, word) {
			return true
		}
	}
	return false
}

// shownURL is a URL fit for a message: its query may identify a user.
func shownURL(u *url.URL) string {
	const longest = 200
	text := u.Scheme + "://" + u.Host + u.EscapedPath()
	if len(text) > longest {
		text = text[:longest] + "..."
	}
	return text
}

// guardOf names a firewall or a content network by the Server header.
func guardOf(server string) string {
	for _, guard := range []string{"Cloudflare", "AkamaiGHost", "awselb", "CloudFront", "Sucuri", "Imperva", "DDoS-Guard", "Varnish"} {
		if strings.Contains(strings.ToLower(server), strings.ToLower(guard)) {
			return guard
		}
	}
	return ""
}

// unanswered says what to do when no answer came.
func (s Sent) unanswered() []postback.Finding {
	failure := s.Attempt.Error
	if failure == nil {
		return nil
	}
	return one(failure.Code, firstOf(remedyOfNetwork(failure.Code), remedyOfTLS(failure.Code), remedyOfEgress(failure.Code), "nothing was sent: "+failure.Message))
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// The codes are those that internal/egress gives failures.

func remedyOfNetwork(code string) string {
	switch code {
	case "dns_error":
		return "the URL's host does not resolve: check its spelling, and that its DNS record is public"
	case "egress_family_mismatch":
		return "the receiver has no address of the kind that this server sends from (IPv4 or IPv6): the publisher needs an A or AAAA record for it, or this server a second egress address"
	case "connect_refused":
		return "nothing listens at the receiver's address and port: check the port, and that its server runs"
	case "connect_timeout", "connect_unreachable", "connect_error":
		return "no connection to the receiver comes about: most likely a firewall drops it; the publisher must allow the address that this server sends from"
	case "timeout":
		return "the receiver did not answer in time: have it answer 200 at once and do its work afterwards, or raise the endpoint's timeout"
	case "connection_reset", "connection_closed":
		return "the receiver or a firewall before it ended the connection without an answer: check its log, and that the port speaks what the URL begins with (http:// or https://)"
	case "invalid_response":
		return "the answer is not valid HTTP: check that the port speaks what the URL begins with (http:// or https://)"
	default:
		return ""
	}
}

func remedyOfEgress(code string) string {
	switch code {
	case "egress_denied":
		return "the URL's host is, or resolves to, an address that must not be called, such as a private one: use a public one, or allow it with --egress-allow"
	case "egress_address_unavailable":
		return "this server cannot send from its egress address: nothing was sent, and the endpoint is not at fault; run `waybill doctor`"
	case "egress_exhausted":
		return "this server has no file descriptors, memory or ports left: nothing was sent, and the endpoint is not at fault"
	case "egress_no_route":
		return "this server has no network route to the receiver: nothing was sent, and the endpoint is not at fault; check this host's network"
	case "egress_resolver_down":
		return "this server's DNS resolver does not answer: nothing was sent, and the endpoint is not at fault; check /etc/resolv.conf and the resolver"
	case "egress_proxy":
		return "this server's egress proxy does not let requests out: nothing was sent, and the endpoint is not at fault"
	case "canceled":
		return "the attempt was cancelled before an answer came: try again"
	default:
		return ""
	}
}
