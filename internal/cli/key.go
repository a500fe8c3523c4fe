package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

func (p *program) keyCommand() *cobra.Command {
	group := p.group("key", "Create, list and revoke API keys",
		`API keys and their roles: admin does everything, producer sends events, publisher
sees and replays what belongs to one publisher, viewer reads everything.`)
	group.AddCommand(p.keyCreate(), p.keyList(), p.keyRevoke())
	return group
}

func (p *program) keyCreate() *cobra.Command {
	var spec client.KeySpec
	var role string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "create --role ROLE", Short: "Create an API key",
		Long: "Create an API key and print it; it is never shown again.",
		Example: `  waybill key create --role producer --name checkout
  waybill key create --role publisher --publisher pub_1`,
		Args: takes(),
	}
	cmd.Flags().StringVar(&role, "role", "", "`ROLE` admin, producer, publisher or viewer")
	cmd.Flags().StringVar(&spec.Name, "name", "", "`NAME` what the key is for")
	cmd.Flags().StringVar(&spec.Publisher, "publisher", "", "`PUBLISHER` with --role publisher: which publisher")
	jsonFlag(cmd, &asJSON)
	return p.online(cmd, func(ctx context.Context, c *client.Client, _ []string) error {
		if err := require(cmd, "role"); err != nil {
			return err
		}
		spec.Role = postback.Role(role)
		made, err := c.CreateKey(ctx, spec)
		if err != nil {
			return fmt.Errorf("create key: %w", err)
		}
		if asJSON {
			return p.printJSON(made)
		}
		p.labels("",
			[2]string{"id", made.ID},
			[2]string{"role", string(made.Role)},
			[2]string{"publisher", made.Publisher},
			[2]string{"name", made.Name},
			[2]string{"key", made.Token})
		p.notef("The key is shown this once: keep it safe.\n")
		return nil
	})
}

func (p *program) keyList() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "List API keys",
		Long:    "List API keys, newest first, revoked ones too. The keys themselves are not known.",
		Example: "  waybill key list",
		Args:    takes(),
	}
	jsonFlag(cmd, &asJSON)
	return p.online(cmd, func(ctx context.Context, c *client.Client, _ []string) error {
		keys, err := c.ListKeys(ctx)
		if err != nil {
			return fmt.Errorf("list keys: %w", err)
		}
		if asJSON {
			return p.printJSON(client.Page[client.Key]{Items: keys})
		}
		rows := make([][]string, 0, len(keys))
		for _, key := range keys {
			rows = append(rows, []string{key.ID, string(key.Role), key.Publisher, key.Name, when(key.CreatedAt), when(key.RevokedAt)})
		}
		p.printTable(p.out, []string{"key", "role", "publisher", "name", "created", "revoked"}, rows)
		return nil
	})
}

func (p *program) keyRevoke() *cobra.Command {
	cmd := &cobra.Command{
		Use: "revoke KEY", Short: "Revoke an API key",
		Long:    "Revoke an API key, by the id that \"waybill key list\" shows. It cannot be undone.",
		Example: "  waybill key revoke key_0198c0de00007000800000000000ab12",
		Args:    takes("KEY"),
	}
	return p.online(cmd, func(ctx context.Context, c *client.Client, args []string) error {
		if err := c.RevokeKey(ctx, args[0]); err != nil {
			return fmt.Errorf("revoke key: %w", err)
		}
		p.printf("%s is revoked\n", escapeLine(args[0]))
		return nil
	})
}
