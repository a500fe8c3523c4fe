package schemes_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/internal/schemes"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

func TestOrderKey(t *testing.T) {
	t.Parallel()
	longest, longer := strings.Repeat("x", 127), strings.Repeat("x", 128)
	tests := []struct {
		name, orderBy, data string
		want                string
	}{
		{"nothing to order by", "", `{"tx":"a"}`, ""},
		{"text", "tx", `{"tx":"a b"}`, "a b"},
		{"number as it is spelled", "tx", `{"tx":1.50}`, "1.50"},
		{"large number", "tx", `{"tx":12345678901234567890}`, "12345678901234567890"},
		{"boolean", "tx", `{"tx":false}`, "false"},
		{"text that looks like a number", "tx", `{"tx":"1.50"}`, "1.50"},
		{"nothing there", "tx", `{"publicId":"a"}`, ""},
		{"null", "tx", `{"tx":null}`, ""},
		{"empty text", "tx", `{"tx":""}`, ""},
		{"an object", "tx", `{"tx":{"id":1}}`, ""},
		{"a list", "tx", `{"tx":[1]}`, ""},
		{"nested", "payment.id", `{"payment":{"id":"a"},"payment.id":"b"}`, "a"},
		{"nested in a list", "payments.1.id", `{"payments":[{"id":"a"},{"id":"b"}]}`, "b"},
		{"a name with a dot", `payment\.id`, `{"payment":{"id":"a"},"payment.id":"b"}`, "b"},
		{"as long as may be", "tx", fmt.Sprintf(`{"tx":%q}`, longest), longest},
		{"longer", "tx", fmt.Sprintf(`{"tx":%q}`, longer), "e2e22f8422b54b06e35c3ea30a383d1de7a8fbc27992923074103117020d8dd7024c3ecf7d6d1a15a6de5a75ff32fb486b9e8ced4c02ffe05822bf2cb734d0e0"},
		{"a zero byte, which not every ledger keeps", "tx", `{"tx":"\u0000"}`, "b8244d028981d693af7b456af8efa4cad63d282e19ff14942c246e50d9351d22704a802a71c3580b6370de4ceb293c324a8423342557d4e5c38438f0e36910ee"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			endpoint := postback.Endpoint{EndpointSettings: postback.EndpointSettings{OrderBy: tt.orderBy}}
			got := schemes.Rules{}.OrderKey(endpoint, postback.Event{Data: []byte(tt.data)})
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestLongOrderKeysDoNotCollide(t *testing.T) {
	t.Parallel()
	key := func(value string) string {
		return schemes.Rules{}.OrderKey(postback.Endpoint{EndpointSettings: postback.EndpointSettings{OrderBy: "tx"}}, postback.Event{Data: fmt.Appendf(nil, `{"tx":%q}`, value)})
	}
	long := strings.Repeat("x", 500)
	seen := map[string]string{}
	for _, value := range []string{long, long + "x", long + "y", key(long), key(key(long)), "\uFFFD", "a\uFFFD"} {
		got := key(value)
		if other, found := seen[got]; found || len(got) > 128 {
			t.Errorf("%q and %q have the key %q", value, other, got)
		}
		seen[got] = value
	}
}

func TestRulesOfAScheme(t *testing.T) {
	t.Parallel()
	catalogue, err := schemes.Load()
	if err != nil {
		t.Fatal(err)
	}
	rules := schemes.Rules{Schemes: catalogue}
	endpoint := postback.Endpoint{Scheme: "besitos", EndpointSettings: postback.EndpointSettings{URL: "https://publisher.example.com/postback", Method: "GET"}}
	if err := rules.CheckEvent(endpoint, postback.Event{Data: []byte(`{"user_id":"u"}`)}); err != nil {
		t.Errorf("flat data: %v", err)
	}
	var refused *postback.Error
	err = rules.CheckEvent(endpoint, postback.Event{Data: []byte(`{"user_id":{"a":1}}`)})
	if !errors.As(err, &refused) || refused.Field != "data.user_id" || refused.Code != signer.CodeValueNested {
		t.Errorf("got %v, want %s of data.user_id", err, signer.CodeValueNested)
	}
	withID := postback.Event{Data: []byte(`{"user_id":"u","transaction_id":"tx_1"}`)}
	if got := rules.Reference(endpoint, withID); got != "tx_1" {
		t.Errorf("the reference is %q", got)
	}
	endpoint.Scheme = "gone"
	if err := rules.CheckEvent(endpoint, postback.Event{}); err != nil {
		t.Errorf("an event is refused because a declaration is missing: %v", err)
	}
	if got := rules.Reference(endpoint, withID); got != "" {
		t.Errorf("without a declaration the reference is %q", got)
	}
}
