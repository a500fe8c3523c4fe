package cli_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/internal/cli"
)

// What an empty value removes, as the help says. Everywhere else it is refused.
var cleared = map[string][]string{
	"endpoint update": {"allow-empty", "description", "event-type", "expect", "header", "order-by", "success-statuses", "retry-on", "retry-schedule", "stop-on"},
}

// A flag that is given without a value is refused by its name, before anything is
// done: left out, it would mean something else than was meant.
func TestEmptyFlagsAreRefused(t *testing.T) {
	t.Parallel()
	commands := cli.Flags()
	if len(commands) < 40 || len(commands["send"]) < 9 || len(commands["serve"]) < 20 {
		t.Fatalf("only %v", commands)
	}
	for command, names := range commands {
		for _, name := range names {
			for _, value := range []string{"", " "} {
				args := append(strings.Fields(command), "--"+name+"="+value)
				code, stderr := run(t, args...)
				refused := code == 2 && strings.Contains(stderr, "error: --"+name+" is empty: give a value, or leave it out")
				if may := slices.Contains(cleared[command], name); refused == may {
					t.Errorf("%s: exit %d, %s", strings.Join(args, " "), code, stderr)
				}
			}
		}
	}
}

func TestEmptyArgumentsAreRefused(t *testing.T) {
	t.Parallel()
	for command := range cli.Flags() {
		code, stderr := run(t, append(strings.Fields(command), "")...)
		if code != 2 {
			t.Errorf("%s '': exit %d, %s", command, code, stderr)
		}
	}
}

// What a flag stands in for is said where its help says it.
func TestEmptyFlagsSayWhatTheyWouldMean(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ line, want string }{
		{"endpoint rotate-secret ep_1 --at=", "--at is empty: give a value, or leave it out (default: now)"},
		{"send --id=", "--id is empty: give a value, or leave it out (default: generated, and a repeat is a new event)"},
		{"endpoint create --event-type conversion.* --event-type=", "--event-type is empty"},
		{"delivery list --limit=", "--limit is empty"},
	} {
		code, stderr := run(t, strings.Fields(test.line)...)
		if code != 2 || !strings.Contains(stderr, test.want) {
			t.Errorf("%s: exit %d, %s", test.line, code, stderr)
		}
	}
}

// run runs the program and returns its exit code and what it said.
func run(t *testing.T, args ...string) (code int, stderr string) {
	t.Helper()
	var out, said bytes.Buffer
	code = cli.Run(t.Context(), args, strings.NewReader(""), &out, &said)
	return code, said.String()
}
