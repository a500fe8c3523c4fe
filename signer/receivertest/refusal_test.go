package receivertest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// What some receiver could not take is refused at the door, by the name of the
// field, and is not delivered.
func TestTheAPIRefusesWhatReceiversCannotTake(t *testing.T) {
	t.Parallel()
	api := startEngine(t, newTunnel(t))
	for scheme, path := range map[string]string{
		"besitos": besitosPath, "bitlabs": "/x/[%OFFER_ID%]/[%TX%]?u=[%UID%]&v=[%UID%]", "simpleswap": bodyPath, "standard-webhooks": bodyPath,
	} {
		if _, err := api.CreateEndpoint(t.Context(), client.EndpointSpec{Publisher: scheme, Scheme: scheme, EndpointSettings: postback.EndpointSettings{URL: "http://127.0.2.1" + path}}); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct{ scheme, data, field string }{
		{"besitos", `{"a.b":1}`, "data.a.b"},
		{"besitos", `{"a b":1}`, "data.a b"},
		{"besitos", `{"a[]":1}`, "data.a[]"},
		{"besitos", `{"é":1}`, "data.é"},
		{"besitos", `{"":1}`, "data."},
		{"besitos", `{"12":1}`, "data.12"},
		{"besitos", `{"-1e5":1}`, "data.-1e5"},
		{"besitos", `{"verifier":1}`, "data.verifier"},
		{"besitos", `{"a":"\u0000"}`, "data.a"},
		{"besitos", `{"a":{}}`, "data.a"},
		{"besitos", `{"a":[]}`, "data.a"},
		{"besitos", `{"a":1,"\u0061":2}`, "data.a"},
		{"besitos", `{"a":"\ud800"}`, "data"},
		{"besitos", `{}`, "data"},
		{"besitos", `{"a":"` + strings.Repeat("x", 5900) + `"}`, "data"},
		{"bitlabs", `{"uid":"\u0000"}`, "data.uid"},
		{"bitlabs", `{"tx":{}}`, "data.tx"},
		{"bitlabs", `{"tx":".."}`, "data"},
		{"bitlabs", `{"tx":"1","offer_id":"."}`, "data"},
		{"bitlabs", `{"tx":"1","uid":"` + strings.Repeat("é", 800) + `"}`, "data"},
		{"simpleswap", `{"status":"finished"}`, "data.publicId"},
		{"simpleswap", `{"publicId":1,"status":"finished"}`, "data.publicId"},
		{"simpleswap", `{"publicId":"","status":"finished"}`, "data.publicId"},
		{"simpleswap", `{"publicId":"p","status":"finished","messageId":"m"}`, "data.messageId"},
		{"simpleswap", `{"publicId":"p","status":"finished","verifyToken":"t"}`, "data.verifyToken"},
		{"simpleswap", `{"publicId":"p","status":"finished","a":` + strings.Repeat("9", 401) + `}`, "data.a"},
		{"simpleswap", `{"publicId":"p","status":"finished","a":1e400}`, "data.a"},
		{"standard-webhooks", `{"a":[{"b":` + strings.Repeat("9", 401) + `}]}`, "data.a[0].b"},
		{"standard-webhooks", `{"a":1,"a":2}`, "data.a"},
		{"standard-webhooks", `{"a":"\udc00x"}`, "data"},
	}
	var lines strings.Builder
	for i, test := range tests {
		fmt.Fprintf(&lines, `{"id":"refused-%d","type":"conversion.completed","publisher":%q,"data":%s}`+"\n", i, test.scheme, test.data)
	}
	results, err := api.SendLines(t.Context(), strings.NewReader(lines.String()))
	if err != nil || len(results) != len(tests) {
		t.Fatalf("%d results: %v", len(results), err)
	}
	for i, test := range tests {
		result := results[i]
		if result.Status != http.StatusUnprocessableEntity || result.Error == nil || result.Error.Field != test.field {
			t.Errorf("%s %.60s: %d %+v, want a refusal of %s", test.scheme, test.data, result.Status, result.Error, test.field)
		}
	}
	page, err := api.ListDeliveries(t.Context(), client.DeliveryFilter{}, client.PageRequest{Limit: 1})
	if err != nil || len(page.Items) != 0 {
		t.Errorf("%d deliveries of refused events: %v", len(page.Items), err)
	}
}
