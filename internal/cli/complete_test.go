package cli_test

import (
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/cli"
)

// Somebody who pressed Tab does not wait for a server that hangs.
func TestCompletionDoesNotWaitForAServer(t *testing.T) {
	t.Parallel()
	server := hanging(t, make(chan struct{}, 10))
	began := time.Now()
	var out, errors strings.Builder
	code := cli.Run(t.Context(), []string{"__complete", "endpoint", "show", "--server", server, "--api-key", "k", ""}, strings.NewReader(""), &out, &errors)
	if code != 0 || out.String() != ":4\n" || strings.Contains(errors.String(), "error") {
		t.Errorf("exit code %d, out %q, errors %q", code, &out, &errors)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestEveryCommandOffersWhatItsUsageNames(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"scheme create ":           ":0",
		"endpoint create --data-d": "--data-dir",
		"version ":                 ":4",
		"replay --state suc":       "succeeded\n:4",
		"help endpoint sh":         "show",
		"replay --state dead --st": "--state", // it may be given again
	} {
		var out, errors strings.Builder
		cli.Run(t.Context(), append([]string{"__complete"}, strings.Split(line, " ")...), strings.NewReader(""), &out, &errors)
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s: got %q, want %q", line, &out, want)
		}
	}
}

// A placeholder names what a flag takes; the description says what it does.
func TestHelpKeepsPlaceholdersApart(t *testing.T) {
	t.Parallel()
	var out, errors strings.Builder
	cli.Run(t.Context(), []string{"verify", "--help"}, strings.NewReader(""), &out, &errors)
	for flag, description := range map[string]string{"--url URL": "absolute URL ", "-H, --header 'NAME: VALUE'": "header of ", "--at TIME": "when ", "--json": "print "} {
		_, behind, found := strings.Cut(out.String(), " "+flag+" ")
		if !found || !strings.HasPrefix(strings.TrimLeft(behind, " "), description) {
			t.Errorf("%s is not described by %q in:\n%s", flag, description, &out)
		}
	}
}
