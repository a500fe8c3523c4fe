package egress_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/internal/egress"
)

func TestCheckHeaders(t *testing.T) {
	t.Parallel()
	reserved := []string{"webhook-signature", "X-Hub-Signature-256"}
	for name, test := range map[string]struct {
		header http.Header
		field  string
	}{
		"none":              {nil, ""},
		"ordinary":          {http.Header{"Authorization": {"Bearer x"}, "X-A": {"a\tb", ""}, "idempotency-key": {"1"}}, ""},
		"CR and LF":         {http.Header{"X-A": {"a\r\nHost: b"}}, "headers.X-A"},
		"LF":                {http.Header{"X-A": {"a", "b\n"}}, "headers.X-A"},
		"NUL":               {http.Header{"X-A": {"\x00"}}, "headers.X-A"},
		"LF in the name":    {http.Header{"X-A\n": {"a"}}, "headers.X-A?"},
		"space in the name": {http.Header{"X A": {"a"}}, "headers.X A"},
		"colon in the name": {http.Header{"X:": {"a"}}, "headers.X:"},
		"empty name":        {http.Header{"": {"a"}}, "headers."},
		"host":              {http.Header{"Host": {"b.example.com"}}, "headers.Host"},
		"host in lowercase": {http.Header{"host": {"b.example.com"}}, "headers.host"},
		"content length":    {http.Header{"CONTENT-LENGTH": {"1"}}, "headers.CONTENT-LENGTH"},
		"transfer encoding": {http.Header{"Transfer-Encoding": {"chunked"}}, "headers.Transfer-Encoding"},
		"connection":        {http.Header{"Connection": {"close"}}, "headers.Connection"},
		"expect":            {http.Header{"Expect": {"100-continue"}}, "headers.Expect"},
		"proxy":             {http.Header{"Proxy-Authorization": {"x"}}, "headers.Proxy-Authorization"},
		"signature":         {http.Header{"Webhook-Signature": {"v1,x"}}, "headers.Webhook-Signature"},
		"other signature":   {http.Header{"x-hub-signature-256": {"x"}}, "headers.x-hub-signature-256"},
		"two spellings":     {http.Header{"X-A": {"1"}, "x-a": {"2"}}, "headers.x-a"},
		"too long":          {http.Header{"X-A": {strings.Repeat("a", 16<<10)}}, "headers.X-A"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := egress.CheckHeaders(test.header, reserved...)
			var refusal *egress.Refusal
			switch {
			case test.field == "" && err != nil:
				t.Error(err)
			case test.field != "" && (!errors.As(err, &refusal) || refusal.Field != test.field ||
				refusal.Code != egress.CodeInvalidHeader):
				t.Errorf("got %v, want %s", err, test.field)
			}
		})
	}
}

func TestSendRefusesHeaders(t *testing.T) {
	t.Parallel()
	client := newClient(t, egress.Options{Resolver: names{}})
	result := client.Send(t.Context(), egress.Request{
		Method: http.MethodGet, URL: "https://example.com/", Header: http.Header{"Host": {"b.example.com"}},
	}, patient)
	expectFailure(t, result, egress.Refused, egress.CodeInvalidHeader)
}
