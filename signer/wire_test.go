package signer_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"pgregory.net/rapid"

	"github.com/waybillhq/waybill/signer"
)

func readFull(body io.Reader, into []byte) (int, error) {
	n, err := io.ReadFull(body, into)
	if err != nil {
		return n, fmt.Errorf("read body: %w", err)
	}
	return n, nil
}

func send(t *rapid.T, client *http.Client, request signer.Request) {
	t.Helper()
	sent, err := http.NewRequestWithContext(context.Background(), request.Method, request.URL, bytes.NewReader(request.Body))
	if err != nil {
		t.Fatal(err)
	}
	sent.Header = request.Header
	answer, err := client.Do(sent)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Fatal(err)
	}
}
