package signer_test

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/waybillhq/waybill/signer"
)

func ExampleLookup() {
	scheme, err := signer.Lookup("besitos")
	if err != nil {
		fmt.Println(err)
		return
	}
	target := signer.Target{URL: "https://example.com/postback"}
	message := signer.Message{
		ID:   "cf6fc203ba047a9ef14e02bba985e747",
		Type: "conversion.completed",
		Data: []byte(`{"user_id":"user 1","transaction_id":"tx_1","payout":1.50}`),
	}
	request, err := scheme.Sign(target, message, []string{"a-secret-of-the-tests-0123456789"}, time.Unix(1700000000, 0))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(request.Method)
	fmt.Println(request.StringToSign)
	fmt.Println(request.Signature)
	// Output:
	// GET
	// https://example.com/postback?payout=1.50&transaction_id=tx_1&user_id=user%201
	// 0948860a4072ec51ae15c3c928da1b406ab807f04935e74baee297ef0284b00e
}

func ExampleVerify() {
	received := signer.Received{
		Method: "GET",
		URL:    "https://publisher.com/complete?uid=8cc877ee-af19-488d-b28d-216fb866b996&val=500&hash=dbcd6bb8ca677344592842a52b4fca9bec36cd4b",
	}
	fmt.Println(signer.Verify("bitlabs", received, "JLOIAUNMHFli7ZJOQVEzm98rzqnm9"))
	received.URL = strings.Replace(received.URL, "val=500", "val=501", 1)
	fmt.Println(signer.Verify("bitlabs", received, "JLOIAUNMHFli7ZJOQVEzm98rzqnm9"))
	// Output:
	// <nil>
	// url: the signature does not match: another secret, or a request that was changed
}

// A publisher's receiver, behind a proxy that ends TLS.
func ExampleReceivedFrom() {
	handler := func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
			return
		}
		received := signer.ReceivedFrom(r, "https://example.com", body)
		if err := signer.Verify("simpleswap", received, "BmSvGmnr6NPz"); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
		}
	}
	body := `{"messageId":"cf6fc203ba047a9ef14e02bba985e747","publicId":"testExchange","status":"finished",` +
		`"verifyToken":"749ee5318093cdc07708da65d9eb581e949acf40"}`
	answer := httptest.NewRecorder()
	handler(answer, httptest.NewRequest(http.MethodPost, "/hook", strings.NewReader(body)))
	fmt.Println(answer.Code)
	// Output: 200
}

func ExampleCheckURL() {
	fmt.Println(signer.CheckURL("HTTPS://Example.com:443"))
	fmt.Println(signer.CheckURL("https://user@example.com/"))
	// Output:
	// https://example.com/ <nil>
	//  url: must not hold a user name or password
}

func ExampleGenerateSecret() {
	secret, err := signer.GenerateSecret("besitos", rand.Reader)
	fmt.Println(len(secret), err)
	// Output: 64 <nil>
}

// A receiver's handler sees verified requests alone.
func ExampleMiddleware() {
	verified, err := signer.Middleware(signer.MiddlewareOptions{
		Scheme:        "bitlabs",
		Secrets:       []string{"JLOIAUNMHFli7ZJOQVEzm98rzqnm9"},
		PublicBaseURL: "https://publisher.com", // a proxy in front ends TLS
		OnFailure:     func(_ *http.Request, reason error) { fmt.Println("refused:", reason) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := verified(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println("credit", r.URL.Query().Get("val"), "to", r.URL.Query().Get("uid"))
	}))
	for _, val := range []string{"500", "501"} {
		target := "/complete?uid=8cc877ee-af19-488d-b28d-216fb866b996&val=" + val + "&hash=dbcd6bb8ca677344592842a52b4fca9bec36cd4b"
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, target, nil))
		fmt.Println(answer.Code)
	}
	// Output:
	// credit 500 to 8cc877ee-af19-488d-b28d-216fb866b996
	// 200
	// refused: url: the signature does not match: another secret, or a request that was changed
	// 403
}
