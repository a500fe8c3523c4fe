package cli

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// refusal is what a server, a scheme or the domain says of a request: what is wrong
// with each value, by the API's name of it.
type refusal struct {
	code     string
	tail     string // what follows the code
	findings []client.FieldError
	lasting  bool // the same values are refused again
}

// refusalOf finds the refusal that an error is, if it is one.
func refusalOf(err error) (refusal, bool) {
	if problem, ok := errors.AsType[*client.Problem](err); ok {
		return problemRefusal(problem), true
	}
	refused, ok := errors.AsType[*signer.Error](err)
	if ok && refused.Code != signer.CodeDeclaration { // of which the place in its file is known
		return refusal{code: refused.Code, findings: []client.FieldError{{Field: refused.Field, Message: refused.Message}}, lasting: true}, true
	}
	if domain, ok := errors.AsType[*postback.Error](err); ok {
		return refusal{
			code: string(domain.Code), findings: []client.FieldError{{Field: domain.Field, Message: domain.Message}},
			lasting: domain.Code == postback.CodeInvalid || domain.Code == postback.CodeInvalidDuration,
		}, true
	}
	return refusal{}, false
}

func problemRefusal(problem *client.Problem) refusal {
	r := refusal{
		code: string(problem.Code), findings: problem.Errors,
		lasting: slices.Contains([]int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity}, problem.Status),
	}
	if problem.RetryAfter > 0 {
		r.tail = ", retry after " + postback.FormatAge(problem.RetryAfter)
	}
	if len(r.findings) == 0 || r.findings[0].Field != problem.Field {
		message := firstOf(problem.Detail, problem.Title, "refused")
		first := client.FieldError{Field: problem.Field, Message: strings.TrimPrefix(message, problem.Field+": ")}
		r.findings = slices.Insert(slices.Clone(r.findings), 0, first)
	}
	if first := &r.findings[0]; first.Field == "" && problem.Code == postback.CodeTooLarge {
		first.Field = "data" // nothing else that a command sends can be too large
	}
	if problem.More > 0 {
		r.findings = append(slices.Clip(r.findings), client.FieldError{Message: fmt.Sprintf("and %d more", problem.More)})
	}
	return r
}

// words are the refusal for people: a line for each finding, by names of their
// choice, and the code with the first.
func (r refusal) words(name func(field string) string) string {
	lines := make([]string, 0, len(r.findings))
	for i, finding := range r.findings {
		line := inFlags(finding.Message)
		if named := name(finding.Field); named != "" {
			line = named + ": " + line
		}
		if finding.EndpointID != "" {
			line += fmt.Sprintf(" (endpoint %s)", finding.EndpointID)
		}
		if i == 0 {
			line = fmt.Sprintf("%s%s (%s%s)", line, r.wayOut(), r.code, r.tail)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// codeEgressDenied is that of a target which is never sent to.
const codeEgressDenied = "egress_denied"

// wayOut is what can be done about a refusal elsewhere than on this command line.
func (r refusal) wayOut() string {
	if r.code == codeEgressDenied && !strings.HasPrefix(r.findings[0].Message, "an address must be written") {
		return "; to send there all the same, start the server with --egress-allow and its address or range"
	}
	return ""
}

// inFlags puts the members of requests that a text speaks of in the words of the
// command line.
func inFlags(text string) string {
	var words []string
	for _, flag := range settingFlags() {
		if strings.Contains(flag.setting, "_") { // what is no word of its own
			words = append(words, flag.setting, "--"+flag.name)
		}
	}
	return strings.NewReplacer(append(words,
		"rate_limit", "--rate-limit",
		"(initial, multiplier, max_interval, max_attempts, jitter)", "(--retry-initial, --retry-multiplier, --retry-max-interval, --retry-max-attempts, --retry-jitter)",
		"retry.initial", "--retry-initial",
		"max_interval", "--retry-max-interval",
		"max_attempts", "--retry-max-attempts",
		"max_age", "--retry-max-age",
		"exact, contains, regex and json_path", "--expect-exact, --expect-contains, --expect-regex and --expect-json-path",
		"exact, contains, regex, json_path and duplicate; null removes", "--expect-exact, --expect-contains, --expect-regex, --expect-json-path and --expect-duplicate; --expect '' removes",
		"json_path", "--expect-json-path",
		"set it to null in a change", "give an update --retry null",
		"set it to null where it is set", "give ''",
		"set replace to", "give --replace to",
		"with the field at instead", "with --at instead",
		"leave the field out", "leave it out",
		"POST /v1/events/deliver", `"waybill event deliver"`,
	)...).Replace(text)
}
