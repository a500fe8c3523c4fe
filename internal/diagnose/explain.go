package diagnose

import (
	"errors"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// Codes of findings that are no mistake in the making of a signature.
const (
	// CodeNothingFound: none of the known mistakes makes the signature.
	CodeNothingFound = "no_known_mistake"
	// CodeOtherScheme: the signature is valid in another scheme.
	CodeOtherScheme = "other_scheme"
)

const holdsIf = "the signature would be valid if "

// Explain says why a received request's signature is invalid: first the
// mistakes with which it would, else what is certainly wrong with it and that
// no known mistake was found. It is empty for a valid signature, and for
// a scheme that is not known. now is the time of receipt; zero: not known.
func Explain(scheme string, received signer.Received, secrets []string, now time.Time) []postback.Finding {
	known, err := signer.Define(scheme)
	if err != nil {
		return nil
	}
	return ExplainBy(scheme, known, received, secrets, now)
}

// ExplainBy is Explain for a scheme of the caller's. Of a declared one, given
// as its *signer.Definition, it tries other formulas too; of any other what can
// be changed in the request and in the secret alone.
func ExplainBy(name string, scheme signer.Scheme, received signer.Received, secrets []string, now time.Time) []postback.Finding {
	findings, _ := explain(name, scheme, received, secrets, now)
	return findings
}

// explain also returns how much was computed.
func explain(name string, scheme signer.Scheme, received signer.Received, secrets []string, now time.Time) ([]postback.Finding, *search) {
	secrets = usable(secrets)
	spent := newSearch(nil)
	err := scheme.Verify(received, secrets, now)
	if err == nil || len(secrets) == 0 {
		return nil, spent
	}
	if scheme.Verify(received, secrets, time.Time{}) == nil {
		return []postback.Finding{refusalOf(err)}, spent
	}
	if other, found := signedByOther(name, scheme, received, secrets); found {
		return []postback.Finding{other}, spent
	}
	c := ask(scheme, received, secrets)
	spent.judge = c.judge
	if mistakes, found := spent.run(c.bases); found {
		return masked([]postback.Finding{finding(holdsIf, mistakes)}, secrets), spent
	}
	return masked(append(c.certain, nothingFound(len(spent.seen))), secrets), spent
}

func nothingFound(trials int) postback.Finding {
	message := "there is nothing to compare a signature with"
	if trials > 0 {
		message = fmt.Sprintf("no match: tried %d combinations of common mistakes; "+
			"the signature was made with another secret, or the request was changed after it was signed", trials)
	}
	return postback.Finding{Code: CodeNothingFound, Message: message}
}

// mostSecrets is how many secrets are tried; more than two are never active.
const mostSecrets = 4

func usable(secrets []string) []string {
	var some []string
	for _, secret := range secrets {
		if secret != "" && len(some) < mostSecrets {
			some = append(some, secret)
		}
	}
	return some
}

// refusalOf reports what the scheme itself says is wrong.
func refusalOf(err error) postback.Finding {
	if refused, ok := errors.AsType[*signer.Error](err); ok {
		return postback.Finding{Code: refused.Code, Message: refused.Error()}
	}
	return postback.Finding{Code: "refused", Message: err.Error()}
}

// signedByOther looks for a scheme of the signer package whose signature is valid,
// as it came or under the name that this scheme's signature has.
func signedByOther(name string, scheme signer.Scheme, received signer.Received, secrets []string) (postback.Finding, bool) {
	own := parameterOf(scheme)
	for _, other := range signer.BuiltIn() {
		if other.Name() == name {
			continue
		}
		if other.Verify(received, secrets, time.Time{}) == nil {
			return postback.Finding{Code: CodeOtherScheme, Message: "the request is signed, with this secret, in the scheme " + other.Name() + " and not in " + name}, true
		}
		renamed, ok := rename(received, own, parameterOf(other))
		if ok && other.Verify(renamed, secrets, time.Time{}) == nil {
			return postback.Finding{Code: CodeOtherScheme, Message: "the parameter " + own + " holds the signature, with this secret, of the scheme " + other.Name() + " and not of " + name}, true
		}
	}
	return postback.Finding{}, false
}

// rename gives the last parameter of a URL another name.
func rename(received signer.Received, from, to string) (signer.Received, bool) {
	p := readPlace(received.URL)
	if from == "" || to == "" || len(p.query) == 0 || nameOf(p.query[len(p.query)-1]) != from {
		return received, false
	}
	last := len(p.query) - 1
	value := valueOf(p.query[last])
	p = p.without(last)
	p.query = append(p.query, to+"="+value)
	p.hasQuery = true
	received.URL = p.String()
	return received, true
}
