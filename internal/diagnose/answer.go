package diagnose

import (
	"net/http"
	"strconv"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// Sent is an attempt that was made, and what it was made with.
type Sent struct {
	Attempt  postback.Attempt
	Endpoint postback.Endpoint
	Scheme   signer.Scheme // of the endpoint; nil when it is not known
	Signing  []string      // the secrets that signed
	Others   []OtherSecret // the endpoint's that did not
}

// OtherSecret is a secret of an endpoint that did not sign.
type OtherSecret struct {
	Version int
	Value   string
}

// Answer says why an endpoint did not take an attempt, the surest reason first.
// When the receiver's answer shows a signature, such as the one it expected,
// and a known mistake makes it, that is certain. All else is what the answer
// suggests. It is empty when the attempt succeeded.
func Answer(sent Sent) []postback.Finding {
	if sent.Attempt.Outcome == postback.OutcomeSucceeded {
		return nil
	}
	var findings []postback.Finding
	if sent.Attempt.StatusCode == 0 {
		findings = sent.unanswered()
	} else {
		findings = append(sent.echoed(), sent.answered()...)
	}
	return masked(findings, sent.allSecrets())
}

func (s Sent) allSecrets() []string {
	all := append([]string(nil), s.Signing...)
	for _, other := range s.Others {
		all = append(all, other.Value)
	}
	return all
}

func one(code, message string) []postback.Finding {
	return []postback.Finding{{Code: code, Message: message}}
}

// answered goes by the status.
func (s Sent) answered() []postback.Finding {
	status := s.Attempt.StatusCode
	answers := "the receiver answers " + strconv.Itoa(status)
	if text := http.StatusText(status); text != "" {
		answers += " (" + text + ")"
	}
	counts := s.Endpoint.SuccessText()
	switch {
	case s.Endpoint.IsSuccess(status):
		return one("unexpected_body", answers+", but its body is not what the endpoint is set to expect; the attempt says what that is")
	case status >= 200 && status < 300:
		return one("accepted_not_200", answers+": it seems to accept the request, but only "+counts+" counts; have it answer "+counts)
	case status >= 300 && status < 400:
		return s.redirected(answers)
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		refused := one("signature_refused", answers+": most likely it does not find the signature right")
		return append(append(refused, s.guarded()...), s.traps()...)
	case status >= 400 && status < 500:
		return s.refused(status, answers)
	case status >= 500:
		return s.broken(status, answers)
	default:
		return one("status_not_200", answers+": only "+counts+" counts")
	}
}

// refused are the other client errors.
func (s Sent) refused(status int, answers string) []postback.Finding {
	switch status {
	case http.StatusNotFound:
		return one("path_not_found", answers+": nothing is at this path; check the URL's path, its case and its trailing slash")
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return one("method_not_allowed", answers+s.allows()+"; check the path too: another one may be the right one")
	case http.StatusGone:
		return one("gone", answers+": the receiver says that this URL is no longer in use; ask the publisher for the new one")
	case http.StatusUnsupportedMediaType, http.StatusNotAcceptable:
		return one("content_type_refused", answers+": it does not take the content type "+s.contentType())
	case http.StatusRequestURITooLong, http.StatusRequestEntityTooLarge, http.StatusRequestHeaderFieldsTooLarge:
		return one("too_long", answers+": the request is too long for it; raise its limit or send less data")
	case http.StatusTooManyRequests:
		return one("rate_limited", answers+": it limits how often it is called; give the endpoint a rate limit below that")
	case http.StatusRequestTimeout:
		return one("receiver_timeout", answers+": it did not wait for the whole request; something between may hold it up")
	case http.StatusProxyAuthRequired:
		return one("proxy_refused", answers+": a proxy on the way asks for a password")
	default:
		found := one("request_refused", answers+": it does not take what the request holds, or does not find the signature right; its answer's body may say which")
		return append(found, s.traps()...)
	}
}

func (s Sent) allows() string {
	method := s.Attempt.Request.Method
	if allowed := s.header("Allow"); allowed != "" {
		return ": it takes " + shown(allowed) + " here, and this scheme sends " + method
	}
	return ": it does not take " + method + " here"
}

func (s Sent) contentType() string {
	if kind := s.Attempt.Request.Headers["Content-Type"]; kind != "" {
		return kind
	}
	return "of a request without a body"
}

// broken are the server errors.
func (s Sent) broken(status int, answers string) []postback.Finding {
	switch status {
	case http.StatusNotImplemented:
		return one("method_not_allowed", answers+s.allows())
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return one("receiver_down", answers+": a proxy in front of the receiver does not reach it, or it is overloaded or under maintenance")
	default:
		return one("receiver_failed", answers+": the receiver's own program failed; its log says why. Some fail so when the signature is not the one they expect")
	}
}

// guarded tells a firewall's refusal from a receiver's.
func (s Sent) guarded() []postback.Finding {
	guard := guardOf(s.header("Server"))
	if guard == "" {
		return nil
	}
	from := ""
	if s.Attempt.SourceIP != "" {
		from = " from " + s.Attempt.SourceIP
	}
	return one("firewall", "the answer comes through "+guard+", which may itself have refused the request: the publisher should allow requests"+from)
}

// traps are what receivers of a scheme stumble over.
func (s Sent) traps() []postback.Finding {
	found := s.secretTrap()
	if parameterOf(s.Scheme) == "" {
		return found
	}
	p := readPlace(s.Attempt.Request.URL)
	if p.port != "" {
		found = append(found, postback.Finding{Code: "port_in_url", Message: "likely: the URL has the port " + shown(p.port) +
			", and many receivers rebuild the URL without one before they check the signature; use a URL without a port"})
	}
	if len(p.query) < 2 {
		found = append(found, postback.Finding{Code: "no_parameters", Message: "likely: the URL has no parameter but the signature, and many receivers cannot check such a one; add a parameter"})
	}
	message := "likely: the URL begins with https://, but a receiver behind a proxy that ends TLS may take it for http:// and compute another signature; it has to go by X-Forwarded-Proto or by a configured address"
	if p.scheme == "http" {
		message = "likely: the URL begins with http://, but receivers that assume https:// compute another signature; use https://"
	}
	return append(found, postback.Finding{Code: "url_scheme", Message: message})
}

// secretTrap names the version that the receiver must have.
func (s Sent) secretTrap() []postback.Finding {
	const lately = 24 * time.Hour
	version := s.Attempt.SecretVersion
	for _, secret := range s.Endpoint.Secrets {
		if secret.Version != version || version < 2 {
			continue
		}
		since := secret.CreatedAt
		if secret.ActiveFrom.After(since) {
			since = secret.ActiveFrom
		}
		message := "check the secret: version " + strconv.Itoa(version) + " signed, and the receiver may still have an earlier one"
		if age := s.Attempt.StartedAt.Sub(since); age >= 0 && age < lately {
			message += "; it was replaced " + postback.FormatAge(age.Round(time.Minute)) + " before"
		}
		return one("secret_version", message)
	}
	return one("secret_version", "check the secret: the receiver must have exactly the one that was shown when the endpoint was made, without white space around it")
}

// header returns a header of the answer.
func (s Sent) header(name string) string {
	if s.Attempt.Response == nil {
		return ""
	}
	return s.Attempt.Response.Headers[name]
}
