package cli

import (
	"bufio"
	"context"
	"errors"
	"strings"
)

// interactive reports whether there is a person who can be asked.
func (p *program) interactive() bool { return isTerminal(p.in) && isTerminal(p.err) }

// confirm asks a question and returns nil when the answer is yes. The read
// cannot be interrupted, so when ctx ends first its goroutine is left to the
// end of the process, which is next.
func (p *program) confirm(ctx context.Context, question string) error {
	p.notef("%s [y/N] ", escapeLine(question))
	answers := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(p.in).ReadString('\n')
		answers <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case answer := <-answers:
		if answer == "y" || answer == "yes" {
			return nil
		}
		return errors.New("not done: the answer was not yes")
	case <-ctx.Done():
		p.notef("\n")
		return errors.New(interrupted)
	}
}
