package signer_test

import (
	"strings"
	"testing"

	"github.com/waybillhq/waybill/signer"
)

func TestSimpleswapVector(t *testing.T) {
	t.Parallel()
	const secret = "BmSvGmnr6NPz"
	message := signer.Message{ID: testID, Data: []byte(" {\n \"status\" : \"finished\",\n \"amount\" : 1.50,\n \"publicId\":\"test\\u0045xchange\", \"x\": {\"b\":[1, 2]} }\n")}
	request, err := lookup(t, "simpleswap").Sign(signer.Target{URL: "https://Example.com/hook?key=1"}, message, []string{secret}, testTime())
	if err != nil {
		t.Fatal(err)
	}
	const token = "749ee5318093cdc07708da65d9eb581e949acf40"
	assertEqual(t, "signature", request.Signature, token)
	assertEqual(t, "string to sign", request.StringToSign, testID+"_testExchange_finished_<secret>")
	assertEqual(t, "method", request.Method, "POST")
	assertEqual(t, "URL", request.URL, "https://example.com/hook?key=1")
	assertEqual(t, "content type", request.Header.Get("Content-Type"), "application/json")
	assertEqual(t, "body", string(request.Body), `{"messageId":"`+testID+`",`+
		"\"status\" : \"finished\",\n \"amount\" : 1.50,\n \"publicId\":\"test\\u0045xchange\", \"x\": {\"b\":[1, 2]}"+
		`,"verifyToken":"`+token+`"}`)
	if err := signer.Verify("simpleswap", received(request), secret); err != nil {
		t.Error(err)
	}
}

func TestSimpleswapRefusesData(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, data, code, field string }{
		{"nothing", ``, signer.CodeDataInvalid, "data"},
		{"byte order mark", "\ufeff" + `{"publicId":"a","status":"b"}`, signer.CodeDataInvalid, "data"},
		{"string", `"a"`, signer.CodeDataInvalid, "data"},
		{"no UTF-8", "{\"publicId\":\"a\",\"status\":\"b\",\"c\":\"\xc3\"}", signer.CodeDataInvalid, "data"},
		{"half a surrogate pair", `{"publicId":"a","status":"b","c":["\udfff"]}`, signer.CodeDataInvalid, "data"},
		{"empty", `{}`, signer.CodeValueMissing, "data.publicId"},
		{"no publicId", `{"status":"a"}`, signer.CodeValueMissing, "data.publicId"},
		{"no status", `{"publicId":"a"}`, signer.CodeValueMissing, "data.status"},
		{"number as publicId", `{"publicId":1,"status":"a"}`, signer.CodeValueInvalid, "data.publicId"},
		{"null as status", `{"publicId":"a","status":null}`, signer.CodeValueInvalid, "data.status"},
		{"empty status", `{"publicId":"a","status":""}`, signer.CodeValueInvalid, "data.status"},
		{"own messageId", `{"publicId":"a","status":"b","messageId":"c"}`, signer.CodeReservedName, "data.messageId"},
		{"own messageId, spelled otherwise", `{"publicId":"a","status":"b","message\u0049d":"c"}`, signer.CodeReservedName, "data.messageId"},
		{"own verifyToken", `{"publicId":"a","status":"b","verifyToken":null}`, signer.CodeReservedName, "data.verifyToken"},
		{"name twice", `{"publicId":"a","status":"b","status":"c"}`, signer.CodeDuplicateName, "data.status"},
		{"too deep", `{"publicId":"a","status":"b","c":` + strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 101), signer.CodeDataTooDeep, "data.c"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			assertRefused(t, lookup(t, "simpleswap").CheckData([]byte(test.data)), test.code, test.field)
			_, err := trySign(t, "simpleswap", "https://example.com/", test.data)
			assertRefused(t, err, test.code, test.field)
		})
	}
}

func TestSimpleswapAccepts(t *testing.T) {
	t.Parallel()
	scheme := lookup(t, "simpleswap")
	for _, data := range []string{
		`{"publicId":"a","status":"a_status_of_tomorrow"}`,
		`{"publicId":"a","status":"b","c":` + strings.Repeat(`[`, 99) + strings.Repeat("]", 99) + "}",
		`{"publicId":"a","status":"b","":[{"]":"\"}"}],"d":"\ud83d\ude00"}`,
	} {
		if err := scheme.CheckData([]byte(data)); err != nil {
			t.Error(err)
		}
	}
}

func TestSimpleswapRefusesMessageID(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", "cf6f", strings.ToUpper(testID), testID + "0", testID[:31] + "g", testID[:31] + `"`} {
		message := signer.Message{ID: id, Data: []byte(`{"publicId":"a","status":"b"}`)}
		_, err := lookup(t, "simpleswap").Sign(signer.Target{URL: "https://example.com/"}, message, []string{testSecret}, testTime())
		assertRefused(t, err, signer.CodeMessageIDInvalid, "id")
	}
}

func TestSimpleswapVerifyRefuses(t *testing.T) {
	t.Parallel()
	body := string(sign(t, "simpleswap", "https://example.com/", `{"publicId":"a","status":"finished","amount":1}`).Body)
	tests := []struct{ name, body, code string }{
		{"no body", "", signer.CodeBodyInvalid},
		{"no JSON", body[1:], signer.CodeBodyInvalid},
		{"no token", `{"messageId":"` + testID + `","publicId":"a","status":"b"}`, signer.CodeSignatureMissing},
		{"token is no string", `{"verifyToken":1,"messageId":"` + testID + `","publicId":"a","status":"b"}`, signer.CodeBodyInvalid},
		{"no status", strings.Replace(body, "status", "state", 1), signer.CodeBodyInvalid},
		{"another status", strings.Replace(body, "finished", "failed", 1), signer.CodeSignatureMismatch},
		{"status twice", strings.Replace(body, `"amount":1`, `"status":"failed"`, 1), signer.CodeBodyInvalid},
		{"another id", strings.Replace(body, testID, "0"+testID[1:], 1), signer.CodeSignatureMismatch},
		{"no id of ours", strings.Replace(body, testID, "1", 1), signer.CodeBodyInvalid},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := signer.Verify("simpleswap", signer.Received{Method: "POST", Body: []byte(test.body)}, testSecret)
			assertRefused(t, err, test.code, "body")
		})
	}
}

func TestSimpleswapCheck(t *testing.T) {
	t.Parallel()
	scheme := lookup(t, "simpleswap")
	for _, target := range []signer.Target{{URL: "https://example.com:8443/a?b=1"}, {URL: "https://example.com", Method: "POST"}} {
		if warnings, err := scheme.Check(target); len(warnings) > 0 || err != nil {
			t.Errorf("%v: got %v, %v", target, warnings, err)
		}
	}
	for _, method := range []string{"GET", "PUT", "post"} {
		_, err := scheme.Check(signer.Target{URL: "https://example.com/", Method: method})
		assertRefused(t, err, signer.CodeMethodNotAllowed, "method")
	}
}
