package cli

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/postback"
)

const secretEnv = "WAYBILL_SECRET"

// secretFlags are the ways to hand over a secret.
type secretFlags struct {
	value string
	file  string
	stdin bool
}

func (s *secretFlags) add(cmd *cobra.Command, what string) {
	flags := cmd.Flags()
	flags.StringVar(&s.value, "secret", "", "`SECRET` "+what+"; other users of this machine see it in the process list [$"+secretEnv+"]")
	flags.StringVar(&s.file, "secret-file", "", "read the secret from `FILE`")
	flags.BoolVar(&s.stdin, "secret-stdin", false, "read the secret from standard input")
}

// read returns the secret, empty when none was given. The line break at the
// end of a file is not part of it.
func (s *secretFlags) read(p *program) (postback.Secret, error) {
	text, err := s.text(p)
	return postback.NewSecret(strings.TrimRight(text, "\r\n")), err
}

func (s *secretFlags) text(p *program) (string, error) {
	if s.stdin && s.file != "" || s.value != "" && (s.stdin || s.file != "") {
		return "", usagef("give one of --secret, --secret-file and --secret-stdin")
	}
	switch {
	case s.stdin:
		text, err := readBounded("secret-stdin", p.in)
		return string(text), err
	case s.file != "":
		file, err := os.Open(s.file)
		if err != nil {
			return "", usagef("read --secret-file: %v", err)
		}
		defer func() { _ = file.Close() }() // only read
		text, err := readBounded("secret-file", file)
		return string(text), err
	case s.value != "":
		return s.value, nil
	default:
		return p.getenv(secretEnv), nil
	}
}
