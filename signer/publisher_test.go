package signer_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os/exec"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybillhq/waybill/signer"
)

// The tests of this file run what publishers run, in PHP and JavaScript.

// publisher is a program that verifies one request a line.
type publisher struct {
	in  *json.Encoder
	out *json.Decoder
}

type delivered struct {
	URL    string `json:"url"`
	Body   string `json:"body,omitempty"`
	Secret string `json:"secret"`
}

type verdict struct {
	Documented bool              `json:"documented"`
	Sorted     bool              `json:"sorted"`
	Valid      bool              `json:"valid"`
	Values     map[string]string `json:"values"`
}

func startPublisher(t *testing.T, program, script string) *publisher {
	t.Helper()
	command := exec.CommandContext(context.Background(), program, script)
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatalf("these tests need %s: %v", program, err)
	}
	t.Cleanup(func() { stopPublisher(t, command, in) })
	return &publisher{in: json.NewEncoder(in), out: json.NewDecoder(bufio.NewReader(out))}
}

func stopPublisher(t *testing.T, command *exec.Cmd, in io.Closer) {
	t.Helper()
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	if err := command.Wait(); err != nil {
		t.Error(err)
	}
}

func (p *publisher) verify(t failer, request signer.Request, secret string) verdict {
	t.Helper()
	if err := p.in.Encode(delivered{URL: request.URL, Body: string(request.Body), Secret: secret}); err != nil {
		t.Fatalf("write to publisher: %v", err)
	}
	var answer verdict
	if err := p.out.Decode(&answer); err != nil {
		t.Fatalf("read from publisher: %v", err)
	}
	return answer
}

func TestPublisherInPHPAcceptsBesitos(t *testing.T) {
	t.Parallel()
	php := startPublisher(t, "php", "testdata/besitos.php")
	accepts := func(t failer, request signer.Request) verdict {
		answer := php.verify(t, request, testSecret)
		if !answer.Documented || !answer.Sorted {
			t.Fatalf("%s: documented %t, sorted %t", request.URL, answer.Documented, answer.Sorted)
		}
		if wrong := php.verify(t, request, testSecret+"x"); wrong.Documented || wrong.Sorted {
			t.Fatalf("%s: accepted with another secret", request.URL)
		}
		return answer
	}
	for _, data := range []string{
		`{"user_id":"1","transaction_id":"a b+c","payout":1.50,"reverse":1}`,
		`{"a":"~*()!':/é😀%25","_b":"","-c":null,"D":true,"e-":"\u0001\n"}`,
		`{"1a":"x","9z":"y","10_":"z","Z":1,"a":2,"A":3,"_":4,"-":5}`,
		string(signer.Example("besitos", "conversion.reversed")),
	} {
		accepts(t, sign(t, "besitos", "https://example.com/p/%7e", data))
	}
	rapid.Check(t, func(t *rapid.T) {
		request, values := drawRequest(t, "besitos", "https://example.com")
		answer := accepts(t, request)
		for name, value := range values {
			assertEqual(t, name, answer.Values[name], value)
		}
		assertEqual(t, "number of values", len(answer.Values), len(values))
	})
	// What Check warns of.
	if php.verify(t, sign(t, "besitos", "https://example.com:8443/", `{"a":1}`), testSecret).Documented {
		t.Error("a URL with a port verifies: the warning is out of date")
	}
}

func TestPublisherInNodeAcceptsBitlabs(t *testing.T) {
	t.Parallel()
	node := startPublisher(t, "node", "testdata/receiver.js")
	rapid.Check(t, func(t *rapid.T) {
		request, values := drawRequest(t, "bitlabs", "https://example.com")
		answer := node.verify(t, request, testSecret)
		if !answer.Valid {
			t.Fatalf("refused %s", request.URL)
		}
		for _, name := range []string{"uid", "val", "raw", "tx", "ref", "type", "ip", "offer_id"} {
			assertEqual(t, name, answer.Values[name], values[name])
		}
		if node.verify(t, request, testSecret+"x").Valid {
			t.Fatalf("%s: accepted with another secret", request.URL)
		}
	})
	// What Check warns of.
	if node.verify(t, sign(t, "bitlabs", "https://example.com/[%TX%]", `{"tx":"t"}`), testSecret).Valid {
		t.Error("a URL without a query verifies: the warning is out of date")
	}
}

func TestPublisherInNodeAcceptsSimpleswap(t *testing.T) {
	t.Parallel()
	node := startPublisher(t, "node", "testdata/receiver.js")
	rapid.Check(t, func(t *rapid.T) {
		request, values := drawRequest(t, "simpleswap", "https://example.com")
		answer := node.verify(t, request, testSecret)
		if !answer.Valid {
			t.Fatalf("refused %s", request.Body)
		}
		assertEqual(t, "publicId", answer.Values["publicId"], values["publicId"])
		assertEqual(t, "status", answer.Values["status"], values["status"])
		if node.verify(t, request, testSecret+"x").Valid {
			t.Fatalf("%s: accepted with another secret", request.Body)
		}
	})
}
