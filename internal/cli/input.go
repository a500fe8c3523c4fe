package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// maxInput bounds what is read from a file or from standard input.
const maxInput = 4 << 20

// content is the value of a flag that may also say where to read: "@FILE", or
// "-" for standard input.
func (p *program) content(flag, value string) ([]byte, error) {
	if path, found := strings.CutPrefix(value, "@"); found {
		file, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("read --%s: %w", flag, err)
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
		return nil, fmt.Errorf("read --%s: it is longer than %d bytes", flag, maxInput)
	}
	return text, nil
}
