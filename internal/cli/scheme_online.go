package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/internal/schemes"
	"github.com/waybillhq/waybill/signer"
)

func (p *program) schemeCommand() *cobra.Command {
	group := p.group("scheme", "Declare, list, show and delete schemes",
		`The schemes that endpoints of a server may choose: built in, from files of the
server, or declared by "waybill scheme create".`)
	group.AddCommand(p.schemeCreate(), p.schemeList(), p.schemeShow(), p.schemeDelete())
	return group
}

func (p *program) schemeCreate() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "create FILE", Short: "Declare a scheme",
		Long: `Declare a scheme from a file in YAML or JSON, or with - from standard input. Endpoints
can choose it at once, and it never changes under them: what is different needs another
name. Try it out before with "waybill sign --scheme-file FILE".`,
		Example: "  waybill scheme create acme.yaml",
		Args:    takes("FILE"),
	}
	jsonFlag(cmd, &asJSON)
	return p.online(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		definition, err := p.declaration(args[0])
		if err != nil {
			return err
		}
		declaration, err := json.Marshal(definition.Declaration())
		if err != nil {
			return fmt.Errorf("write declaration: %w", err)
		}
		made, err := c.CreateScheme(ctx, declaration)
		if refused, ok := refusalOf(err); ok && refused.lasting {
			return usagef("%s: %s", args[0], describe(err))
		}
		if err != nil {
			return fmt.Errorf("create scheme: %w", err)
		}
		return p.showScheme(made, asJSON)
	})
}

func (p *program) schemeShow() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "show NAME", Short: "Show a scheme",
		Long:    "Show a scheme that endpoints of the server may choose, and where it comes from.",
		Example: "  waybill scheme show besitos",
		Args:    takes("NAME"),
	}
	jsonFlag(cmd, &asJSON)
	return p.online(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		scheme, err := c.GetScheme(ctx, args[0])
		if err != nil {
			return fmt.Errorf("get scheme: %w", err)
		}
		return p.showScheme(scheme, asJSON)
	})
}

func (p *program) showScheme(scheme client.Scheme, asJSON bool) error {
	if asJSON {
		return p.printJSON(scheme)
	}
	p.labels("",
		[2]string{"scheme", scheme.Name},
		[2]string{"methods", strings.Join(scheme.Methods, ", ")},
		[2]string{"origin", string(scheme.Origin)},
		[2]string{"description", scheme.Description},
		[2]string{"source", scheme.Source})
	return nil
}

// declaration reads a scheme from a file, or from standard input.
func (p *program) declaration(file string) (definition *signer.Definition, err error) {
	if file == "-" {
		definition, err = schemes.Read("standard input", p.in)
	} else {
		definition, err = schemes.LoadFile(file)
	}
	if err != nil {
		return nil, usagef("%v", err)
	}
	return definition, nil
}

func (p *program) schemeList() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "List schemes",
		Long:    "List the schemes that endpoints of the server may choose, by name.",
		Example: "  waybill scheme list",
		Args:    takes(),
	}
	jsonFlag(cmd, &asJSON)
	return p.online(cmd, func(ctx context.Context, c *client.Client, _ []string) error {
		all, err := c.ListSchemes(ctx)
		if err != nil {
			return fmt.Errorf("list schemes: %w", err)
		}
		if asJSON {
			return p.printJSON(client.Page[client.Scheme]{Items: all})
		}
		rows := make([][]string, 0, len(all))
		for _, scheme := range all {
			rows = append(rows, []string{scheme.Name, strings.Join(scheme.Methods, ", "), string(scheme.Origin), scheme.Description})
		}
		p.printTable(p.out, []string{"scheme", "methods", "origin", "description"}, rows)
		return nil
	})
}

func (p *program) schemeDelete() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "delete NAME", Short: "Delete a scheme",
		Long: `Delete a scheme that was declared by "waybill scheme create". It is refused while
endpoints use it, and for schemes that are built in or come from files. The name can
be declared anew afterwards. On a terminal it asks first; elsewhere it deletes at once.`,
		Example: "  waybill scheme delete acme --yes",
		Args:    takes("NAME"),
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask for confirmation")
	return p.online(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		if !yes && p.interactive() {
			if err := p.confirm("Delete the scheme " + escapeLine(args[0]) + "?"); err != nil {
				return err
			}
		}
		if err := c.DeleteScheme(ctx, args[0]); err != nil {
			return fmt.Errorf("delete scheme: %w", err)
		}
		p.printf("%s is deleted\n", escapeLine(args[0]))
		return nil
	})
}
