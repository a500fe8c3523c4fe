package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// maxInput bounds what is read from a file or from standard input.
const maxInput = 4 << 20

// interruptible is an input whose reads end when somebody stops the program.
// Nothing can end a read of a terminal or a pipe, so it is left to the end of the
// process, which is next.
type interruptible struct {
	io.Reader
	stop <-chan struct{}
}

func (i interruptible) Read(into []byte) (int, error) {
	var count int
	var err error
	own, done := make([]byte, len(into)), make(chan struct{})
	go func() {
		defer close(done)
		count, err = i.Reader.Read(own)
	}()
	select {
	case <-done:
		return copy(into, own[:count]), err
	case <-i.stop:
		return 0, errInterrupted()
	}
}

// content is the value of a flag that may also say where to read: "@FILE", or
// "-" for standard input.
func (p *program) content(flag, value string) ([]byte, error) {
	if path, found := strings.CutPrefix(value, "@"); found {
		file, err := os.Open(path)
		if err != nil {
			return nil, usagef("read --%s: %v", flag, err)
		}
		defer func() { _ = file.Close() }() // only read
		return readBounded(flag, file)
	}
	if value == "-" {
		return readBounded(flag, p.in)
	}
	return []byte(value), nil
}

func readBounded(flag string, from io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(from, maxInput+1))
	if err != nil {
		return nil, fmt.Errorf("read --%s: %w", flag, err)
	}
	if len(text) > maxInput {
		return nil, usagef("read --%s: it is longer than %d bytes", flag, maxInput)
	}
	return text, nil
}
