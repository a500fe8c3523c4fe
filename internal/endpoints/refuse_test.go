package endpoints_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	const invalid = postback.CodeInvalid
	second := postback.Duration(time.Second)
	tests := []struct {
		name  string
		alter func(*postback.EndpointSpec)
		field string
		code  postback.Code
	}{
		{"no publisher", func(s *postback.EndpointSpec) { s.Publisher = "" }, "publisher", invalid},
		{"control character in the publisher", func(s *postback.EndpointSpec) { s.Publisher = "pub\n1" }, "publisher", invalid},
		{"unknown scheme", func(s *postback.EndpointSpec) { s.Scheme = "besito" }, "scheme", signer.CodeUnknownScheme},
		{"no scheme", func(s *postback.EndpointSpec) { s.Scheme = "" }, "scheme", signer.CodeUnknownScheme},
		{"foreign method", func(s *postback.EndpointSpec) { s.Method = "POST" }, "method", signer.CodeMethodNotAllowed},
		{"no URL", func(s *postback.EndpointSpec) { s.URL = "" }, "url", signer.CodeURLMissing},
		{"another protocol", func(s *postback.EndpointSpec) { s.URL = "ftp://receiver.example.com/" }, "url", signer.CodeURLScheme},
		{"user info", func(s *postback.EndpointSpec) { s.URL = "https://a:b@receiver.example.com/" }, "url", signer.CodeURLUserInfo},
		{"query where the data goes", func(s *postback.EndpointSpec) { s.URL += "?a=1" }, "url", signer.CodeURLQuery},
		{"private address", func(s *postback.EndpointSpec) { s.URL = "https://10.0.0.1/" }, "url", egress.CodeDenied},
		{"private address of version 6", func(s *postback.EndpointSpec) { s.URL = "https://[fd00::1]/" }, "url", egress.CodeDenied},
		{"metadata address in a template", func(s *postback.EndpointSpec) {
			s.Scheme, s.URL = "bitlabs", "http://169.254.169.254/?uid=[%UID%]"
		}, "url", egress.CodeDenied},
		{"unknown macro", func(s *postback.EndpointSpec) {
			s.Scheme, s.URL = "bitlabs", "https://receiver.example.com/?uid=[%UIDD%]"
		}, "url", signer.CodeMacroUnknown},
		{"pattern that matches nothing", func(s *postback.EndpointSpec) {
			s.EventTypes = []string{"conversion.*", "order.*"}
		}, "event_types[1]", invalid},
		{"what only an operator is told", func(s *postback.EndpointSpec) {
			s.EventTypes = []string{"endpoint.*"}
		}, "event_types[0]", invalid},
		{"an operator's endpoint in another scheme", func(s *postback.EndpointSpec) { s.Publisher = postback.Operator }, "scheme", invalid},
		{"what an operator is not told", func(s *postback.EndpointSpec) {
			s.Publisher, s.Scheme, s.EventTypes = postback.Operator, postback.OperatorScheme, []string{"endpoint.*", "conversion.*"}
		}, "event_types[1]", invalid},
		{"negative timeout", func(s *postback.EndpointSpec) { s.Timeout = postback.Duration(-time.Second) }, "timeout", invalid},
		{"timeout that nothing can meet", func(s *postback.EndpointSpec) { s.Timeout = postback.Duration(time.Microsecond) }, "timeout", invalid},
		{"long timeout", func(s *postback.EndpointSpec) { s.Timeout = postback.Duration(postback.MaxTimeout + 1) }, "timeout", invalid},
		{"line break in a header", func(s *postback.EndpointSpec) {
			s.Headers = map[string]string{"X-Key": "a\r\nHost: b"}
		}, "headers.X-Key", egress.CodeInvalidHeader},
		{"line break in a header's name", func(s *postback.EndpointSpec) {
			s.Headers = map[string]string{"X-Key:a\r\nX": "b"}
		}, "headers.X-Key:a??X", egress.CodeInvalidHeader},
		{"header of the connection", func(s *postback.EndpointSpec) {
			s.Headers = map[string]string{"host": "other.example.com"}
		}, "headers.host", egress.CodeInvalidHeader},
		{"header in two spellings", func(s *postback.EndpointSpec) {
			s.Headers = map[string]string{"X-Key": "a", "x-key": "b"}
		}, "headers.x-key", egress.CodeInvalidHeader},
		{"retry that never ends", func(s *postback.EndpointSpec) {
			s.Retry = postback.RetryPolicy{Initial: second}
		}, "retry.max_attempts", invalid},
		{"retry after no time", func(s *postback.EndpointSpec) {
			s.Retry = postback.RetryPolicy{Schedule: []postback.Duration{second, 0}}
		}, "retry.schedule[1]", postback.CodeInvalidDuration},
		{"as many at once as nobody has", func(s *postback.EndpointSpec) { s.MaxInFlight = postback.MaxInFlight + 1 }, "max_in_flight", invalid},
		{"no rate", func(s *postback.EndpointSpec) { s.RateLimit = &postback.RateLimit{Burst: 5} }, "rate_limit.per_second", invalid},
		{"rate that is no number", func(s *postback.EndpointSpec) {
			s.RateLimit = &postback.RateLimit{PerSecond: math.NaN()}
		}, "rate_limit.per_second", invalid},
		{"negative burst", func(s *postback.EndpointSpec) {
			s.RateLimit = &postback.RateLimit{PerSecond: 5, Burst: -1}
		}, "rate_limit.burst", invalid},
		{"order by no name", func(s *postback.EndpointSpec) { s.OrderBy = "a\nb" }, "order_by", invalid},
		{"a macro that there is not", func(s *postback.EndpointSpec) {
			s.Scheme, s.URL, s.AllowEmpty = "bitlabs", "https://receiver.example.com/?uid=[%UID%]", []string{"TX", "UIDD"}
		}, "allow_empty[1]", signer.CodeMacroUnknown},
		{"a macro of a scheme without", func(s *postback.EndpointSpec) { s.AllowEmpty = []string{"UID"} }, "allow_empty[0]", signer.CodeMacroUnknown},
		{"success outside 2xx", func(s *postback.EndpointSpec) { s.SuccessStatuses = []int{200, 302} }, "success_statuses[1]", invalid},
		{"stop on success", func(s *postback.EndpointSpec) { s.Retry.StopOn = []int{403, 200} }, "retry.stop_on[1]", invalid},
		{"stop on success that was chosen", func(s *postback.EndpointSpec) {
			s.Scheme, s.SuccessStatuses, s.Retry.StopOn = "standard-webhooks", []int{200, 204}, []int{204}
		}, "retry.stop_on[0]", invalid},
		{"retry on success that was chosen", func(s *postback.EndpointSpec) {
			s.Scheme, s.SuccessStatuses, s.Retry.On = "standard-webhooks", []int{204}, []string{"200", "204"}
		}, "retry.on[1]", invalid},
		{"success that the network does not promise", func(s *postback.EndpointSpec) { s.SuccessStatuses = []int{200, 204} }, "success_statuses", invalid},
		{"short secret", func(s *postback.EndpointSpec) { s.Secret = postback.NewSecret("short") }, "secret", signer.CodeSecretTooShort},
		{"secret with a space", func(s *postback.EndpointSpec) {
			s.Secret = postback.NewSecret("s3cret s3cret s3cret")
		}, "secret", signer.CodeSecretInvalid},
	}
	parts := testkit.NewParts(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wanted := spec()
			tt.alter(&wanted)
			_, secret, _, err := parts.Endpoints.Create(t.Context(), wanted)
			expectRefusal(t, err, tt.field, tt.code)
			if !secret.Empty() {
				t.Error("a refused endpoint has a secret")
			}
			if given := wanted.Secret.Reveal(); given != "" && strings.Contains(err.Error(), given) {
				t.Errorf("the error repeats the secret: %v", err)
			}
		})
	}
	left, _, err := parts.Ledger.Endpoints(t.Context(), postback.EndpointFilter{}, postback.Page{})
	if err != nil || len(left) != 0 {
		t.Errorf("%d endpoints were stored, %v", len(left), err)
	}
}

func TestUpdateRefuses(t *testing.T) {
	t.Parallel()
	parts := testkit.NewParts(t)
	endpoint := parts.Create(t, spec())
	tests := []struct {
		name  string
		patch postback.EndpointPatch
		field string
		code  postback.Code
	}{
		{"private address", postback.EndpointPatch{"url": "https://192.168.1.1/"}, "url", egress.CodeDenied},
		{"foreign method", postback.EndpointPatch{"method": "PUT"}, "method", signer.CodeMethodNotAllowed},
		{"pattern", postback.EndpointPatch{"event_types": []string{"nothing"}}, "event_types[0]", postback.CodeInvalid},
		{"timeout", postback.EndpointPatch{"timeout": postback.Duration(time.Hour)}, "timeout", postback.CodeInvalidDuration},
		{"no success", postback.EndpointPatch{"success_statuses": []int{}}, "success_statuses", postback.CodeInvalid},
		{"success", postback.EndpointPatch{"success_statuses": []int{204}}, "success_statuses", postback.CodeInvalid},
		{"a macro that there is not", postback.EndpointPatch{"allow_empty": []string{"UID"}}, "allow_empty[0]", signer.CodeMacroUnknown},
		{"headers", postback.EndpointPatch{"headers": map[string]string{"": "a"}}, "headers.", egress.CodeInvalidHeader},
		{"rate limit", postback.EndpointPatch{"rate_limit": postback.RateLimit{PerSecond: -1}}, "rate_limit.per_second", postback.CodeInvalid},
		{"retry", postback.EndpointPatch{"retry": postback.RetryPolicy{MaxAttempts: -1}}, "retry.max_attempts", postback.CodeInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := parts.Endpoints.Update(t.Context(), endpoint.ID, tt.patch)
			expectRefusal(t, err, tt.field, tt.code)
		})
	}
	if now := stored(t, parts, endpoint.ID); now.Revision != endpoint.Revision {
		t.Errorf("the endpoint was changed: %+v", now)
	}
}
