package cli_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/waybillhq/waybill/internal/cli"
)

func TestATableFitsTheTerminal(t *testing.T) {
	t.Parallel()
	headings := []string{"delivery", "state", "type", "endpoint"}
	rows := [][]string{
		{"dlv_0198c0de00007000800000000000ab12", "dead (attempts_exhausted)", "exchange.finished", "ep_0198c0de00007000800000000000ab12"},
		{"dlv_0198c0de00007000800000000000ab13", "pending", "a", "\x1b[2Jép_1"},
	}
	for width, want := range map[int]string{
		0: `DELIVERY                              STATE                      TYPE               ENDPOINT
dlv_0198c0de00007000800000000000ab12  dead (attempts_exhausted)  exchange.finished  ep_0198c0de00007000800000000000ab12
dlv_0198c0de00007000800000000000ab13  pending                    a                  \x1b[2Jép_1
`,
		100: `DELIVERY                              STATE                 TYPE               ENDPOINT
dlv_0198c0de00007000800000000000ab12  dead (attempts_exha…  exchange.finished  ep_0198c0de000070008…
dlv_0198c0de00007000800000000000ab13  pending               a                  \x1b[2Jép_1
`,
		40: `DELIVERY                              STATE     TYPE      ENDPOINT
dlv_0198c0de00007000800000000000ab12  dead (a…  exchang…  ep_0198…
dlv_0198c0de00007000800000000000ab13  pending   a         \x1b[2J…
`,
	} {
		got := cli.Table(width, false, headings, rows)
		if got != want {
			t.Errorf("in %d columns it is\n%s", width, got)
		}
		for line := range strings.Lines(got) {
			if length := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); width == 100 && length > width {
				t.Errorf("a line has %d characters, of %d", length, width)
			}
		}
	}
}

// A state is coloured where a terminal shows colours, and cut before it is.
func TestStatesAreColoured(t *testing.T) {
	t.Parallel()
	headings := []string{"id", "state", "type"}
	rows := [][]string{
		{"dlv_1", "succeeded", "dead"},
		{"dlv_2", "retrying", ""},
		{"dlv_3", "parked (circuit_open)", ""},
		{"dlv_4", "dead (attempts_exhausted)", ""},
		{"dlv_5", "cancelled", ""},
		{"dlv_6", "pending", ""},
		{"ep_1", "enabled", ""},
		{"ep_2", "enabled, circuit open", ""},
		{"ep_3", "disabled", ""},
	}
	want := "ID     STATE     TYPE\n" +
		"dlv_1  \x1b[32msucceed…\x1b[0m  dead\ndlv_2  \x1b[33mretrying\x1b[0m\ndlv_3  \x1b[33mparked …\x1b[0m\ndlv_4  \x1b[31mdead (a…\x1b[0m\n" +
		"dlv_5  \x1b[2mcancell…\x1b[0m\ndlv_6  pending\nep_1   enabled\nep_2   \x1b[31menabled…\x1b[0m\nep_3   \x1b[31mdisabled\x1b[0m\n"
	if got := cli.Table(21, true, headings, rows); got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
	if got := cli.Table(21, false, headings, rows); strings.Contains(got, "\x1b") {
		t.Errorf("without colours it is\n%q", got)
	}
}
