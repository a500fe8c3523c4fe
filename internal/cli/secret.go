package cli

import (
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/waybillhq/waybill/postback"
)

const secretEnv = "WAYBILL_SECRET"

// secretFlags are the ways to hand over a secret.
type secretFlags struct {
	value, file, env string
	stdin            bool
	// ambient takes the secret from WAYBILL_SECRET when no flag says otherwise:
	// for commands that keep nothing. What an endpoint gets is always named, or
	// the next publisher would get the secret of the one before.
	ambient bool
	flags   *pflag.FlagSet
}

func (s *secretFlags) add(cmd *cobra.Command, what string) {
	s.flags = cmd.Flags()
	fallback := ""
	if s.ambient {
		fallback = " [$" + secretEnv + "]"
	}
	s.flags.StringVar(&s.value, "secret", "", "`SECRET` secret "+what+"; other users of this machine see it in the process list"+fallback)
	s.flags.StringVar(&s.file, "secret-file", "", "`FILE` read the secret from this file")
	s.flags.StringVar(&s.env, "secret-env", "", "`NAME` read the secret from this environment variable")
	s.flags.BoolVar(&s.stdin, "secret-stdin", false, "read the secret from standard input")
}

// read returns the secret, empty when none was given. The line break at the
// end of a file is not part of it.
func (s *secretFlags) read(p *program) (postback.Secret, error) {
	source, text, err := s.text(p)
	text = strings.TrimRight(text, "\r\n")
	if err == nil && source != "" && text == "" {
		err = usagef("--%s holds no secret", source)
	}
	return postback.NewSecret(text), err
}

// given counts the flags that hand over a secret.
func (s *secretFlags) given() int {
	count := 0
	for _, name := range []string{"secret", "secret-file", "secret-env", "secret-stdin"} {
		if s.flags.Changed(name) {
			count++
		}
	}
	return count
}

// text reads the secret, and says which flag it is from.
func (s *secretFlags) text(p *program) (source, text string, err error) {
	switch {
	case s.given() > 1:
		return "", "", usagef("give one of --secret, --secret-file, --secret-env and --secret-stdin")
	case s.stdin:
		read, err := readBounded("secret-stdin", p.in)
		return "secret-stdin", string(read), err
	case s.flags.Changed("secret-file"):
		file, err := os.Open(s.file)
		if err != nil {
			return "", "", usagef("read --secret-file: %v", err)
		}
		defer func() { _ = file.Close() }() // only read
		read, err := readBounded("secret-file", file)
		return "secret-file", string(read), err
	case s.flags.Changed("secret-env"):
		return "secret-env", p.getenv(s.env), nil
	case s.flags.Changed("secret"):
		return "secret", s.value, nil
	case s.ambient:
		return "", p.getenv(secretEnv), nil
	default:
		if p.getenv(secretEnv) != "" {
			p.notef("%s is set and is not used here; to use it: --secret-env %s\n", secretEnv, secretEnv)
		}
		return "", "", nil
	}
}
