package schemes_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
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

// ask hands a request to the program's receivers of a scheme.
func (r *receiver) ask(t failer, scheme string, request signer.Request, secret string) {
	t.Helper()
	headers := map[string]string{}
	for name, values := range request.Header {
		headers[name] = values[0]
	}
	asked := map[string]any{"scheme": scheme, "url": request.URL, "headers": headers, "body": string(request.Body), "secret": secret}
	if err := r.in.Encode(asked); err != nil {
		t.Fatalf("write to receiver: %v", err)
	}
}

// verdicts are what they say of it, by their names.
func (r *receiver) verdicts(t failer, request signer.Request) map[string]bool {
	t.Helper()
	var answer struct{ Verdicts map[string]bool }
	if err := r.out.Decode(&answer); err != nil {
		t.Fatalf("read from receiver: %v (%s)", err, request.URL)
	}
	return answer.Verdicts
}

// panel is the receivers of all languages.
type panel []*receiver

func startPanel(t *testing.T) panel {
	t.Helper()
	return panel{
		startReceiver(t, "php", "testdata/receivers.php"),
		startReceiver(t, "node", "testdata/receivers.js"),
		startReceiver(t, "python3", "testdata/receivers.py"),
	}
}

// sample is how the network's own receiver is called, which warnings call its sample
// code.
const sample = "sample"

// refusing names the receivers that refuse a request, as warnings name them. asked is how many there are.
func (p panel) refusing(t failer, scheme string, request signer.Request, secret string) (refusing []string, asked int) {
	t.Helper()
	for _, program := range p {
		program.ask(t, scheme, request, secret)
	}
	for _, program := range p {
		verdicts := program.verdicts(t, request)
		asked += len(verdicts)
		for name, valid := range verdicts {
			switch {
			case valid:
			case name == sample:
				refusing = append(refusing, "sample code")
			default:
				refusing = append(refusing, name)
			}
		}
	}
	return refusing, asked
}

// warnedOf says whether one of the warnings names the receiver.
func warnedOf(warnings []string, receiver string) bool {
	return slices.ContainsFunc(warnings, func(text string) bool { return strings.Contains(text, receiver) })
}

// warningsOf are what a publisher is told of a target and an event.
func warningsOf(t failer, definition *signer.Definition, target signer.Target, data []byte) []string {
	t.Helper()
	found, err := definition.Check(target)
	if err != nil {
		t.Fatalf("check %s: %v", target.URL, err)
	}
	var texts []string
	for _, warning := range found {
		texts = append(texts, warning.Message)
	}
	for _, caution := range definition.Cautions(target, data) {
		texts = append(texts, caution.Message)
	}
	return texts
}

// The receivers accept what is sent, whatever is in it, or a warning names them; and
// none accepts it with another secret.
func TestReceiversAccept(t *testing.T) {
	t.Parallel()
	catalogue, receivers := load(t), startPanel(t)
	for _, scheme := range catalogue.Names() {
		definition, err := catalogue.Define(scheme)
		if err != nil {
			t.Fatal(err)
		}
		rapid.Check(t, func(t *rapid.T) {
			request, secret, data := draw(t, catalogue, scheme)
			warnings := warningsOf(t, definition, signer.Target{URL: target(scheme)}, []byte(data))
			refusing, asked := receivers.refusing(t, scheme, request, secret)
			for _, receiver := range refusing {
				if !warnedOf(warnings, receiver) {
					t.Fatalf("%s: %s refuses unwarned %s %v %s", scheme, receiver, request.URL, request.Header, request.Body)
				}
			}
			if all, _ := receivers.refusing(t, scheme, request, otherThan(secret)); len(all) != asked {
				t.Fatalf("%s: accepted with another secret", scheme)
			}
		})
	}
}
