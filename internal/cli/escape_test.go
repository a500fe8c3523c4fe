package cli_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/waybillhq/waybill/internal/cli"
)

func TestEscape(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, line, block string }{
		{"plain", "grüße, 世界 ~", "grüße, 世界 ~", "grüße, 世界 ~"},
		{"clear screen", "\x1b[2Jx", `\x1b[2Jx`, `\x1b[2Jx`},
		{"title by C1", "\u009d0;x\u009c", `\u009d0;x\u009c`, `\u009d0;x\u009c`},
		{"lines", "a\r\n\tb", `a\r\n\tb`, "a\\r\n\tb"},
		{"direction", "a\u202eb", `a\u202eb`, `a\u202eb`},
		{"no width", "a\u200bb\ufeff", `a\u200bb\ufeff`, `a\u200bb\ufeff`},
		{"not UTF-8", "a\xff\xc3", `a\xff\xc3`, `a\xff\xc3`},
		{"NUL and DEL", "\x00\x7f", `\x00\x7f`, `\x00\x7f`},
		{"beyond the first plane", "\U000e0001😀", `\U000e0001😀`, `\U000e0001😀`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := cli.EscapeLine(tt.text); got != tt.line {
				t.Errorf("line: got %q, want %q", got, tt.line)
			}
			if got := cli.EscapeBlock(tt.text); got != tt.block {
				t.Errorf("block: got %q, want %q", got, tt.block)
			}
		})
	}
}

func FuzzEscape(f *testing.F) {
	for _, seed := range []string{"", "a\nb", "\x1b]0;title\a", "\xff", "\u2028\u202e", "\U000e0001"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, char := range cli.EscapeLine(text) {
			if !unicode.IsPrint(char) {
				t.Errorf("a line of %q holds %U", text, char)
			}
		}
		encoded, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		safe := cli.EscapeJSON(string(encoded))
		if strings.ContainsFunc(safe, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("JSON of %q is not printable: %q", text, safe)
		}
		var before, after string
		if json.Unmarshal(encoded, &before) != nil || json.Unmarshal([]byte(safe), &after) != nil || before != after {
			t.Errorf("JSON changed its meaning: %q and %q", before, after)
		}
	})
}
