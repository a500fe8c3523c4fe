package worker_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/internal/retry"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/worker"
)

func failure(kind egress.Kind, code string) egress.Result {
	return egress.Result{Failure: &egress.Failure{Kind: kind, Code: code}}
}

func answer(status int) egress.Result {
	return egress.Result{Sent: true, StatusCode: status, Header: http.Header{}}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	const failed, again, stop = postback.OutcomeFailed, "try_again", "give_up"
	only := func(on ...string) postback.RetryPolicy { return postback.RetryPolicy{On: on} }
	stopOn := postback.RetryPolicy{On: []string{"4xx"}, StopOn: []int{403, 302}}
	for _, tt := range []struct {
		name   string
		policy postback.RetryPolicy
		result egress.Result
		want   worker.Verdict
	}{
		{"200", only(), answer(200), worker.Verdict{Outcome: postback.OutcomeSucceeded, Next: "done"}},
		{"200, whatever is retried", only("5xx"), answer(200), worker.Verdict{Outcome: postback.OutcomeSucceeded, Next: "done"}},
		{"204", only(), answer(204), worker.Verdict{failed, "status_not_200", again, "", "", ""}},
		{"204, server errors alone", only("5xx"), answer(204), worker.Verdict{failed, "status_not_200", stop, "not_retried", "", ""}},
		{"500, server errors alone", only("5xx"), answer(500), worker.Verdict{failed, "status_not_200", again, "", "", ""}},
		{"a status by its number", only("429"), answer(429), worker.Verdict{failed, "status_not_200", again, "", "", ""}},
		{"another status", only("429"), answer(430), worker.Verdict{failed, "status_not_200", stop, "not_retried", "", ""}},
		{"a status to stop on", stopOn, answer(403), worker.Verdict{failed, "status_not_200", stop, "stopped", "", ""}},
		{"stopping comes first", stopOn, answer(302), worker.Verdict{failed, "status_not_200", stop, "stopped", "", ""}},
		{"its neighbour", stopOn, answer(404), worker.Verdict{failed, "status_not_200", again, "", "", ""}},
		{"410", only(), answer(410), worker.Verdict{failed, "status_not_200", "disable", "", "", ""}},
		{"410, whatever is retried", only("5xx"), answer(410), worker.Verdict{failed, "status_not_200", "disable", "", "", ""}},
		{"410 by its class", only("4xx"), answer(410), worker.Verdict{failed, "status_not_200", "disable", "", "", ""}},
		{"410 by its number", only("410"), answer(410), worker.Verdict{failed, "status_not_200", again, "", "", ""}},
		{"410 to stop on", postback.RetryPolicy{StopOn: []int{410}}, answer(410), worker.Verdict{failed, "status_not_200", stop, "stopped", "", ""}},
		{"timeout", only(), failure(egress.Failed, egress.CodeTimeout), worker.Verdict{failed, egress.CodeTimeout, again, "", "", ""}},
		{"timeout, wanted", only("timeout"), failure(egress.Failed, egress.CodeTimeout), worker.Verdict{failed, egress.CodeTimeout, again, "", "", ""}},
		{"no connection in time, as a timeout", only("timeout"), failure(egress.Failed, egress.CodeConnectTimeout), worker.Verdict{failed, egress.CodeConnectTimeout, again, "", "", ""}},
		{"no connection in time, as a connection", only("connection"), failure(egress.Failed, egress.CodeConnectTimeout), worker.Verdict{failed, egress.CodeConnectTimeout, again, "", "", ""}},
		{"timeout, unwanted", only("5xx", "connection"), failure(egress.Failed, egress.CodeTimeout), worker.Verdict{failed, egress.CodeTimeout, stop, "not_retried", "", ""}},
		{"TLS, wanted", only("tls"), failure(egress.Failed, egress.CodeTLSExpired), worker.Verdict{failed, egress.CodeTLSExpired, again, "", "", ""}},
		{"TLS, unwanted", only("connection"), failure(egress.Failed, egress.CodeTLS), worker.Verdict{failed, egress.CodeTLS, stop, "not_retried", "", ""}},
		{"DNS, wanted", only("dns"), failure(egress.Failed, egress.CodeDNS), worker.Verdict{failed, egress.CodeDNS, again, "", "", ""}},
		{"our own failure, whatever is retried", only("5xx"), failure(egress.Infrastructure, egress.CodeSource), worker.Verdict{failed, egress.CodeSource, "not_sent", "", "", ""}},
		{"a private target", only("connection"), failure(egress.Refused, egress.CodeDenied), worker.Verdict{postback.OutcomeRefused, egress.CodeDenied, stop, "refused", "", ""}},
		{"what cannot be sent", only(), failure(egress.Refused, egress.CodeNotVerbatim), worker.Verdict{postback.OutcomeRefused, egress.CodeNotVerbatim, stop, "unsendable", "", ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := worker.Classify(postback.Endpoint{EndpointSettings: postback.EndpointSettings{Retry: tt.policy}}, tt.result); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestClassifyBodies(t *testing.T) {
	t.Parallel()
	const failed, code = postback.OutcomeFailed, "unexpected_body"
	success := worker.Verdict{Outcome: postback.OutcomeSucceeded, Next: "done"}
	duplicate := success
	duplicate.Note = "duplicate"
	only := func(on ...string) postback.RetryPolicy { return postback.RetryPolicy{On: on} }
	for _, tt := range []struct {
		name   string
		policy postback.RetryPolicy
		status int
		body   string
		want   worker.Verdict
	}{
		{"as expected", only(), 200, " OK\n", success},
		{"a duplicate", only(), 200, "DUP", duplicate},
		{"another body", only(), 200, "ERROR", worker.Verdict{failed, code, "try_again", "", "30", ""}},
		{"another body, wanted", only("unexpected_body"), 200, "ERROR", worker.Verdict{failed, code, "try_again", "", "30", ""}},
		{"another body, unwanted", only("5xx", "2xx"), 200, "ERROR", worker.Verdict{failed, code, "give_up", "not_retried", "30", ""}},
		{"as expected, of a 202", only(), 202, "OK", worker.Verdict{failed, "status_not_200", "try_again", "", "30", ""}},
		{"a duplicate of a 409", only(), 409, "DUP", worker.Verdict{failed, "status_not_200", "try_again", "", "30", ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			endpoint := postback.Endpoint{EndpointSettings: postback.EndpointSettings{Retry: tt.policy, Expect: &postback.Expect{Exact: "OK", Duplicate: postback.Texts{"DUP"}}}}
			result := egress.Result{Sent: true, StatusCode: tt.status, Header: http.Header{"Retry-After": {"30"}}, Body: []byte(tt.body)}
			if got := worker.Classify(endpoint, result); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// TestEveryFailureHasAClass reads the codes where they are declared, so that a
// new one cannot be forgotten.
func TestEveryFailureHasAClass(t *testing.T) {
	t.Parallel()
	codes := declaredCodes(t)
	seen := map[string]int{}
	for code, kind := range codes {
		classes := worker.ClassesOf(code)
		if got, want := len(classes) > 0, kind == "failed"; got != want {
			t.Errorf("%s is %s and has the classes %v", code, kind, classes)
		}
		for _, class := range classes {
			if !slices.Contains(retry.Classes(), class) {
				t.Errorf("%s has the class %q, which no policy can name", code, class)
			}
		}
		seen[kind]++
	}
	if seen["failed"] == 0 || seen["refused"] == 0 || seen["infrastructure"] == 0 {
		t.Errorf("read %v", codes)
	}
}

// declaredCodes are the codes of the egress package with their kinds, which the
// first words of their comments name.
func declaredCodes(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../internal/egress/failure.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]string{}
	named := regexp.MustCompile(`^Code\w+ \((failed|refused|infrastructure)\):`)
	ast.Inspect(file, func(node ast.Node) bool {
		value, ok := node.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(value.Names[0].Name, "Code") {
			return true
		}
		kind := named.FindStringSubmatch(value.Doc.Text())
		literal, ok := value.Values[0].(*ast.BasicLit)
		if kind == nil || !ok {
			t.Fatalf("%s does not say its kind", value.Names[0])
		}
		code, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		codes[code] = kind[1]
		return true
	})
	return codes
}

func TestRetriesOnlyWhatThePolicyNames(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.exchange(t, func(s *postback.EndpointSpec) {
		s.Retry.On, s.Retry.StopOn = []string{"5xx", "4xx"}, []int{403}
	})
	for _, tt := range []struct {
		status int
		state  postback.State
		reason postback.Reason
	}{
		{503, postback.Retrying, ""},
		{404, postback.Retrying, ""},
		{403, postback.Dead, postback.ReasonStopped},
		{302, postback.Dead, postback.ReasonNotRetried},
	} {
		b.receiver.Answer(testkit.Status(tt.status))
		delivery, attempts := b.once(t, endpoint.ID)
		expectState(t, delivery, tt.state, tt.reason, 1)
		if delivery.LastStatusCode != tt.status || len(attempts) != 1 || attempts[0].Error.Code != "status_not_200" {
			t.Errorf("%d: got %+v", tt.status, attempts)
		}
	}
	gone := b.exchange(t, func(s *postback.EndpointSpec) {
		s.URL, s.Retry.On = "http://127.0.0.1:1/", []string{"5xx", "timeout"}
	})
	delivery, attempts := b.once(t, gone.ID)
	expectState(t, delivery, postback.Dead, postback.ReasonNotRetried, 1)
	if attempts[0].Error.Code != egress.CodeConnectRefused {
		t.Errorf("got %+v", attempts[0].Error)
	}
}
