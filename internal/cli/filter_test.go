package cli_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/internal/cli"
)

// A filter that is given without a value is refused by its name, before anybody is
// asked: dropped, it would pick more than was meant.
func TestNoFilterIsDropped(t *testing.T) {
	t.Parallel()
	deliveries := cli.FilterFlags()
	if len(deliveries) < 9 {
		t.Fatalf("only %v", deliveries)
	}
	commands := map[string][]string{
		"replay": deliveries, "delivery list": deliveries, "delivery export": deliveries,
		"event list": {"publisher", "type", "since", "until"}, "endpoint list": {"publisher", "state"}, "replay list": {"publisher"},
	}
	for command, names := range commands {
		for _, name := range names {
			empty := []string{"", " "}
			switch name {
			case "status-code":
				empty = []string{"", "0"}
			case "since", "until":
				empty = append(empty, "0001-01-01T00:00:00Z")
			}
			for _, value := range empty {
				args := slices.Concat(strings.Fields(command), []string{"--api-key", "k", "--server", "http://127.0.0.1:1", "--" + name + "=" + value})
				code, stderr := run(t, args...)
				if code != 2 || !strings.Contains(stderr, "--"+name) {
					t.Errorf("%s: exit %d, %s", strings.Join(args, " "), code, stderr)
				}
			}
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
