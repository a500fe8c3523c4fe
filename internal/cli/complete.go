package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/internal/schemes"
	"github.com/waybillhq/waybill/postback"
)

const (
	// completionPatience is how long somebody who pressed Tab waits for a server.
	completionPatience = time.Second
	// completed is how many ids of a kind are offered, the newest first.
	completed = 200
)

// candidates are what may stand in one place of a command line; c is nil where no
// server is configured.
type candidates func(ctx context.Context, c *client.Client, cmd *cobra.Command) []cobra.Completion

// addCompletions lets the shell complete the values of flags, by their names, and
// arguments, by what the usage line calls them.
func (p *program) addCompletions(cmd *cobra.Command) {
	for _, below := range cmd.Commands() {
		p.addCompletions(below)
	}
	values, arguments := flagCandidates(), argumentCandidates()
	cmd.LocalFlags().VisitAll(func(flag *pflag.Flag) {
		if known, found := values[flag.Name]; found {
			_ = cmd.RegisterFlagCompletionFunc(flag.Name, p.complete(known, isList(flag))) // one that a command made itself stays
		}
	})
	if cmd.ValidArgsFunction != nil || len(cmd.ValidArgs) > 0 {
		return
	}
	_, argument, _ := strings.Cut(cmd.Use, " ")
	argument, _, _ = strings.Cut(strings.TrimLeft(argument, "{"), " ")
	known, found := arguments[strings.TrimSuffix(argument, "...")]
	switch {
	case found && strings.HasSuffix(argument, "..."):
		cmd.ValidArgsFunction = p.complete(known, false)
	case found:
		cmd.ValidArgsFunction = first(p.complete(known, false))
	case argument != "FILE":
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
}

// flagCandidates are the values of flags.
func flagCandidates() map[string]candidates {
	return map[string]candidates{
		"state":       states,
		"reason":      reasons,
		"error":       fixed(postback.ErrorCodes()...),
		"status-code": fixed(postback.StatusClasses()...),
		"scheme":      schemeNames,
		"endpoint":    endpointIDs,
		"format":      fixed("csv", "jsonl"),
		"role":        fixed(postback.RoleAdmin, postback.RoleProducer, postback.RolePublisher, postback.RoleViewer),
		"retry-on":    fixed("timeout", "connection", "tls", "dns", "3xx", "4xx", "5xx", "unexpected_body"),
		"window":      fixed("15m", "1h", "24h"),
	}
}

// argumentCandidates are the arguments of commands.
func argumentCandidates() map[string]candidates {
	return map[string]candidates{
		"ENDPOINT": endpointIDs,
		"DELIVERY": deliveryIDs,
		"REPLAY":   replayIDs,
		"KEY":      keyIDs,
		"NAME":     schemeNames,
	}
}

// complete offers candidates as the shell asks for them. What it cannot find out
// is not offered, and nothing is said of that: somebody is typing.
func (p *program) complete(known candidates, list bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, given []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
		defer cancel()
		before := ""
		if list {
			before = typed[:strings.LastIndexByte(typed, ',')+1]
			given = strings.Split(before, ",")
		}
		connected := p.configured(cmd)
		if connected != nil {
			defer connected.Close()
		}
		var offered []cobra.Completion
		for _, one := range known(ctx, connected, cmd) {
			value, _, _ := strings.Cut(one, "\t")
			if strings.HasPrefix(before+value, typed) && !slices.Contains(given, value) {
				offered = append(offered, before+one)
			}
		}
		return offered, cobra.ShellCompDirectiveNoFileComp
	}
}

// configured is the server that the command would call, nil when there is none.
func (p *program) configured(cmd *cobra.Command) *client.Client {
	text := func(name string) string {
		if flag := cmd.Flags().Lookup(name); flag != nil {
			return flag.Value.String()
		}
		return ""
	}
	if cmd.Flags().Lookup("server") == nil {
		return nil
	}
	connected, err := p.connect(&connection{server: text("server"), key: text("api-key"), dataDir: text("data-dir")})
	if err != nil {
		return nil
	}
	return connected
}

// first completes the first argument only.
func first(complete cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, given []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(given) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(cmd, given, typed)
	}
}

func isList(flag *pflag.Flag) bool {
	_, list := flag.Value.(pflag.SliceValue)
	return list
}

// fixed are candidates that never change.
func fixed[T ~string](values ...T) candidates {
	texts := make([]cobra.Completion, 0, len(values))
	for _, value := range values {
		texts = append(texts, string(value))
	}
	return func(context.Context, *client.Client, *cobra.Command) []cobra.Completion { return texts }
}

// states are those of what the command is about.
func states(ctx context.Context, c *client.Client, cmd *cobra.Command) []cobra.Completion {
	switch cmd.CommandPath() {
	case "waybill endpoint list":
		return fixed(postback.EndpointEnabled, postback.EndpointPaused, postback.EndpointDisabled)(ctx, c, cmd)
	case "waybill replay":
		return fixed(endedStates()...)(ctx, c, cmd)
	default:
		return fixed(postback.States()...)(ctx, c, cmd)
	}
}

// reasons are those of what the command is about.
func reasons(ctx context.Context, c *client.Client, cmd *cobra.Command) []cobra.Completion {
	all := postback.Reasons()
	if cmd.CommandPath() == "waybill replay" {
		all = all[len(postback.ParkedReasons()):] // what is parked has not ended
	}
	return fixed(all...)(ctx, c, cmd)
}

// schemeNames are those that are built in, and those of the server.
func schemeNames(ctx context.Context, c *client.Client, _ *cobra.Command) []cobra.Completion {
	var names []cobra.Completion
	if shipped, err := schemes.Load(); err == nil {
		names = shipped.Names()
	}
	if c == nil {
		return names
	}
	declared, _ := c.ListSchemes(ctx)
	for _, one := range declared {
		names = append(names, one.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func endpointIDs(ctx context.Context, c *client.Client, _ *cobra.Command) []cobra.Completion {
	return idsOf(c, func() (client.Page[client.Endpoint], error) {
		return c.ListEndpoints(ctx, client.EndpointFilter{}, client.PageRequest{Limit: completed})
	}, func(e client.Endpoint) []string { return []string{e.ID, e.Publisher, e.Scheme, listedState(e)} })
}

// deliveryIDs are those that the command can do something with.
func deliveryIDs(ctx context.Context, c *client.Client, cmd *cobra.Command) []cobra.Completion {
	var filter client.DeliveryFilter
	if cmd.CommandPath() == "waybill replay" {
		filter.States = endedStates()
	}
	return idsOf(c, func() (client.Page[client.Delivery], error) {
		return c.ListDeliveries(ctx, filter, client.PageRequest{Limit: completed})
	}, func(d client.Delivery) []string { return []string{d.ID, d.Publisher, d.EventType, stateOf(d)} })
}

func replayIDs(ctx context.Context, c *client.Client, cmd *cobra.Command) []cobra.Completion {
	running := cmd.CommandPath() != "waybill replay show" // nothing else can be watched or cancelled
	return idsOf(c, func() (client.Page[client.ReplayJob], error) {
		page, err := c.ListReplays(ctx, "", client.PageRequest{Limit: completed})
		page.Items = slices.DeleteFunc(page.Items, func(j client.ReplayJob) bool { return running && j.State != postback.ReplayRunning })
		return page, err //nolint:wrapcheck // completion reports no errors
	}, func(j client.ReplayJob) []string { return []string{j.ID, string(j.State)} })
}

func keyIDs(ctx context.Context, c *client.Client, _ *cobra.Command) []cobra.Completion {
	return idsOf(c, func() (client.Page[client.Key], error) {
		keys, err := c.ListKeys(ctx)
		return client.Page[client.Key]{Items: keys}, err //nolint:wrapcheck // completion reports no errors
	}, func(k client.Key) []string { return []string{k.ID, string(k.Role), k.Publisher, k.Name} })
}

// idsOf are the ids of what a server lists, with a description of each. It reaches
// a terminal, and part of it is what strangers wrote.
func idsOf[T any](c *client.Client, list func() (client.Page[T], error), describe func(T) []string) []cobra.Completion {
	if c == nil {
		return nil
	}
	page, _ := list()
	ids := make([]cobra.Completion, 0, len(page.Items))
	for _, item := range page.Items {
		words := slices.DeleteFunc(describe(item), func(word string) bool { return word == "" })
		ids = append(ids, cobra.CompletionWithDesc(escapeLine(words[0]), escapeLine(strings.Join(words[1:], ", "))))
	}
	return ids
}
