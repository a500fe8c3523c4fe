package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"unicode/utf16"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
)

// jsonFlag adds --json, which prints what the API answered.
func jsonFlag(cmd *cobra.Command, into *bool) {
	cmd.Flags().BoolVar(into, "json", false, "print JSON, for programs")
}

// printJSON prints a value as indented JSON. Data keeps its spelling.
func (p *program) printJSON(value any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("encode output: %w", err)
	}
	p.printf("%s", escapeJSON(text.String()))
	return nil
}

func surrogates(char rune) (high, low rune) { return utf16.EncodeRune(char) }

// isTerminal reports whether a stream is a terminal that a person looks at.
func isTerminal(stream any) bool {
	if input, ok := stream.(interruptible); ok {
		stream = input.Reader
	}
	file, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
}

// labels prints pairs of a label and a text, aligned; pairs without a text are
// left out. Texts are escaped.
func (p *program) labels(indent string, pairs ...[2]string) {
	look := p.look(p.out)
	width := 0
	for _, pair := range pairs {
		if pair[1] != "" {
			width = max(width, len(pair[0]))
		}
	}
	for _, pair := range pairs {
		if pair[1] != "" {
			p.printf("%s%-*s  %s\n", indent, width, pair[0], look.paint(pair[0], pair[1], escapeLine(pair[1])))
		}
	}
}
