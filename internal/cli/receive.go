package cli

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/internal/config"
	"github.com/waybillhq/waybill/internal/diagnose"
	"github.com/waybillhq/waybill/internal/listen"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// receiveConnections bounds the connections to a receiver.
const receiveConnections = 512

// receiveFlags describe a receiver of postbacks.
type receiveFlags struct {
	scheme schemeFlags
	listen string
	status int
	secret secretFlags
}

func (p *program) receiveCommand() *cobra.Command {
	var flags receiveFlags
	cmd := &cobra.Command{
		Use:   "receive (--scheme SCHEME | --scheme-file FILE)",
		Short: "Receive postbacks on this machine and check their signatures",
		Long: `Listen for postbacks as a publisher's server would, print each one with a verdict
on its signature, and answer 200 when the signature is valid and 403 when it is not.
It is for trying things out; it keeps nothing. Ctrl-C ends it.

With --status every postback with a valid signature is answered with that status
instead, to see a server retry.`,
		Example: `  waybill receive --scheme bitlabs --secret-file secret.txt
  waybill receive --scheme besitos --secret-file secret.txt --listen 127.0.0.1:9001 --status 500`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := flags.scheme.require(cmd); err != nil {
				return err
			}
			return p.receive(cmd.Context(), &flags)
		},
	}
	add := cmd.Flags()
	flags.scheme.add(cmd, "that the sender signs in")
	add.StringVar(&flags.listen, "listen", "127.0.0.1:9000", "`ADDRESS` host and port to listen on")
	add.IntVar(&flags.status, "status", http.StatusOK, "`STATUS` status of the answer to a valid postback")
	flags.secret.ambient = true
	flags.secret.add(cmd, "that the sender signs with")
	return cmd
}

func (p *program) receive(ctx context.Context, flags *receiveFlags) error {
	scheme, err := flags.scheme.find(p)
	if err != nil {
		return err
	}
	secret, err := flags.secret.read(p)
	if err != nil {
		return err
	}
	if secret.Empty() {
		return usagef("missing the secret: give --secret-file, --secret-stdin or %s", secretEnv)
	}
	if _, _, err := net.SplitHostPort(flags.listen); err != nil {
		return usagef("invalid --listen %q: use an address such as 127.0.0.1:9000", flags.listen)
	}
	if flags.status < 200 || flags.status > 599 {
		return usagef("--status %d is no final HTTP status; give one from 200 to 599", flags.status)
	}
	server, err := listen.Open(ctx, listen.Options{
		Address: flags.listen, Handler: p.receiver(flags, scheme, secret), Logger: newLogger(p.err, config.Default()),
		Connections: receiveConnections,
	})
	if err != nil {
		return fmt.Errorf("listen for postbacks: %w", err)
	}
	p.notef("receiving %s postbacks on %s\n", scheme.Name(), server.URL())
	select {
	case err = <-server.Failed():
		return fmt.Errorf("receive postbacks: %w", err)
	case <-ctx.Done():
		return server.Stop(context.WithoutCancel(ctx), 0) //nolint:wrapcheck // it says what failed
	}
}

// receiver answers postbacks and prints what it makes of each.
func (p *program) receiver(flags *receiveFlags, scheme *signer.Definition, secret postback.Secret) http.Handler {
	var printing sync.Mutex
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, verdict := flags.judge(scheme, secret.Reveal(), w, r)
		printing.Lock()
		p.printf("%s  %d  %s  %s %s\n", time.Now().UTC().Format("15:04:05.000Z"), status, verdict, r.Method, escapeLine(r.RequestURI))
		printing.Unlock()
		w.WriteHeader(status)
	})
}

// judge decides what to answer, and says why in a few words.
func (f *receiveFlags) judge(scheme *signer.Definition, secret string, w http.ResponseWriter, r *http.Request) (int, string) {
	const maxBody = 1 << 20
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return http.StatusBadRequest, "unreadable body"
	}
	received, now := signer.ReceivedFrom(r, "", body), time.Now()
	if err := scheme.Verify(received, []string{secret}, now); err != nil {
		why := err.Error()
		if found := diagnose.ExplainBy(scheme.Name(), scheme, received, []string{secret}, now); len(found) > 0 {
			why = found[0].Message
		}
		return http.StatusForbidden, "signature is invalid: " + escapeLine(why)
	}
	return f.status, "signature is valid"
}
