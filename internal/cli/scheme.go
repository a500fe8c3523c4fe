package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/internal/schemes"
	"github.com/waybillhq/waybill/signer"
)

const schemesEnv = "WAYBILL_SCHEMES"

// schemeFlags choose a scheme without a server.
type schemeFlags struct {
	name string
	dirs []string
	file string
}

func (s *schemeFlags) add(cmd *cobra.Command, what string) {
	cmd.Flags().StringVar(&s.name, "scheme", "", "`SCHEME` scheme "+what)
	cmd.Flags().StringVar(&s.file, "scheme-file", "", "`FILE` file that declares the scheme, in place of --scheme")
	cmd.Flags().StringArrayVar(&s.dirs, "schemes", nil, "`DIRECTORY` directory of declared schemes beside the built-in ones (repeatable) [$"+schemesEnv+"]")
}

// require is an error when no scheme was chosen, or two, or when other flags
// that are named are missing.
func (s *schemeFlags) require(cmd *cobra.Command, others ...string) error {
	chosen := cmd.Flags().Changed
	switch {
	case !chosen("scheme-file"):
		return require(cmd, append([]string{"scheme"}, others...)...)
	case chosen("scheme"), chosen("schemes"):
		return usagef("give --scheme-file, or --scheme with --schemes, not both")
	default:
		return require(cmd, others...)
	}
}

// find returns the scheme, and notes the name of one from a file. An unknown
// name is bad usage, and so is a wrong declaration.
func (s *schemeFlags) find(p *program) (*signer.Definition, error) {
	if s.file != "" {
		definition, err := schemes.LoadFile(s.file)
		if err != nil {
			return nil, usagef("--scheme-file: %v", err)
		}
		s.name = definition.Name()
		return definition, nil
	}
	dirs := s.dirs
	if set := p.getenv(schemesEnv); len(dirs) == 0 && set != "" {
		dirs = strings.Split(set, ",")
	}
	catalogue, err := schemes.Load(dirs...)
	if err != nil {
		return nil, usagef("--schemes: %v", err)
	}
	definition, err := catalogue.Define(s.name)
	if err != nil {
		return nil, usagef("--%v", err)
	}
	return definition, nil
}

// knownSchemes ends the help of commands that take a scheme.
func knownSchemes() string {
	return "Schemes: " + strings.Join(signer.Names(), ", ") + `; those of further
networks that are shipped as declarations; and your own, from --schemes DIRECTORY or
from one --scheme-file.`
}
