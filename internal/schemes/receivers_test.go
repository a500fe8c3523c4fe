package schemes_test

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

// receiver is a publisher's program that verifies one request a line.
type receiver struct {
	in  *json.Encoder
	out *json.Decoder
}

func startReceiver(t *testing.T, program, script string) *receiver {
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
	t.Cleanup(func() { stopReceiver(t, command, in) })
	return &receiver{in: json.NewEncoder(in), out: json.NewDecoder(bufio.NewReader(out))}
}

func stopReceiver(t *testing.T, command *exec.Cmd, in io.Closer) {
	t.Helper()
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	if err := command.Wait(); err != nil {
		t.Error(err)
	}
}

func (r *receiver) accepts(t failer, scheme string, request signer.Request, secret string) bool {
	t.Helper()
	headers := map[string]string{}
	for name := range request.Header {
		headers[name] = request.Header.Get(name)
	}
	asked := map[string]any{"scheme": scheme, "url": request.URL, "headers": headers, "body": string(request.Body), "secret": secret}
	if err := r.in.Encode(asked); err != nil {
		t.Fatalf("write to receiver: %v", err)
	}
	var verdict struct{ Valid bool }
	if err := r.out.Decode(&verdict); err != nil {
		t.Fatalf("read from receiver: %v", err)
	}
	return verdict.Valid
}

// The code that the networks document accepts what is sent, whatever is in it.
func TestReceiversAccept(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{
		"php":  {"ayet-studios", "cpx-research", "tapjoy", "lootably", "adjoe", "theorem-reach", "pollfish", "adgem", "cryptomus", "github-style", "shopify-style"},
		"node": {"nowpayments", "stripe-style", "standard-webhooks"},
	}
	scripts := map[string]string{"php": "testdata/receivers.php", "node": "testdata/receivers.js"}
	catalogue := load(t)
	for program, names := range tests {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			publisher := startReceiver(t, program, scripts[program])
			for _, scheme := range names {
				rapid.Check(t, func(t *rapid.T) {
					request, secret := draw(t, catalogue, scheme)
					if !publisher.accepts(t, scheme, request, secret) {
						t.Fatalf("%s: refused %s %v %s", scheme, request.URL, request.Header, request.Body)
					}
					if publisher.accepts(t, scheme, request, otherThan(secret)) {
						t.Fatalf("%s: accepted with another secret", scheme)
					}
				})
			}
		})
	}
}
