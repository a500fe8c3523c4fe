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
}

func (s *schemeFlags) add(cmd *cobra.Command, what string) {
	cmd.Flags().StringVar(&s.name, "scheme", "", "`SCHEME` "+what)
	cmd.Flags().StringArrayVar(&s.dirs, "schemes", nil, "`DIRECTORY` of declared schemes beside the built-in ones (repeatable) [$"+schemesEnv+"]")
}

// find returns the scheme. An unknown name is bad usage.
func (s *schemeFlags) find(p *program) (*signer.Definition, error) {
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
networks that are shipped as declarations; and your own, from --schemes DIRECTORY.`
}
