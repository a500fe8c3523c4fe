package cli

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// interactive reports whether there is a person who can be asked.
func (p *program) interactive() bool { return isTerminal(p.in) && isTerminal(p.err) }

// confirm asks a question and returns nil when the answer is yes.
func (p *program) confirm(question string) error {
	p.notef("%s [y/N] ", escapeLine(question))
	line, err := bufio.NewReader(p.in).ReadString('\n')
	if err != nil {
		p.notef("\n")
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err //nolint:wrapcheck // that it was interrupted says it all
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return nil
	default:
		return errors.New("cancelled")
	}
}
