package cli

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/signer"
)

// verifyFlags describe a request that came in.
type verifyFlags struct {
	scheme   string
	received signer.Received
	headers  []string
	body     string
	at       string
	secret   secretFlags
}

func (p *program) verifyCommand() *cobra.Command {
	var flags verifyFlags
	cmd := &cobra.Command{
		Use:   "verify --scheme SCHEME --url URL",
		Short: "Check a received postback's signature offline",
		Long: `Check the signature of one received postback, without a server. Exit code 0 says
that it is valid, 1 that it must not be trusted.

Give the URL exactly as it was called, and the body byte for byte: a signature
covers spelling, too.

Schemes: ` + strings.Join(signer.Names(), ", ") + `.`,
		Example: `  waybill verify --scheme bitlabs --secret-file secret.txt \
    --url 'https://publisher.example.com/complete?uid=u1&val=150&hash=...'
  waybill verify --scheme simpleswap --secret-file secret.txt \
    --url https://exchange.example.com/hook --body @request.json`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := require(cmd, "scheme", "url"); err != nil {
				return err
			}
			return p.verify(&flags)
		},
	}
	add := cmd.Flags()
	add.StringVar(&flags.scheme, "scheme", "", "`SCHEME` of the sender")
	add.StringVar(&flags.received.URL, "url", "", "absolute `URL` as it was called, with its query")
	add.StringVar(&flags.received.Method, "method", "", "HTTP `METHOD` (default: the scheme's own)")
	add.StringArrayVarP(&flags.headers, "header", "H", nil, "`'NAME: VALUE'` of the request (repeatable)")
	add.StringVar(&flags.body, "body", "", "`BODY` of the request; @FILE reads a file, - standard input")
	add.StringVar(&flags.at, "at", "", "`TIME` of receipt, RFC 3339, for schemes that sign a time (default: the age is not checked)")
	flags.secret.add(cmd, "that the sender signs with")
	return cmd
}

func (p *program) verify(flags *verifyFlags) error {
	scheme, err := lookupScheme(flags.scheme)
	if err != nil {
		return err
	}
	if flags.secret.stdin && flags.body == "-" {
		return usagef("standard input can hold the secret or the body, not both")
	}
	secret, err := flags.secret.read(p)
	if err != nil {
		return err
	}
	if secret.Empty() {
		return usagef("missing the secret: give --secret-file, --secret-stdin or %s", secretEnv)
	}
	received, err := flags.request(p)
	if err != nil {
		return err
	}
	at, err := timeOr("at", flags.at, time.Time{})
	if err != nil {
		return err
	}
	if err := scheme.Verify(received, []string{secret.Reveal()}, at); err != nil {
		return invalidSignature(err)
	}
	p.printf("valid: signed in the scheme %s with this secret\n", flags.scheme)
	return nil
}

func (f *verifyFlags) request(p *program) (signer.Received, error) {
	received := f.received
	var err error
	if received.Header, err = parseHeaders(f.headers); err != nil {
		return received, err
	}
	if received.Body, err = p.content("body", f.body); err != nil {
		return received, err
	}
	if received.Method == "" {
		methods, err := signer.Methods(f.scheme)
		if err != nil {
			return received, usagef("--%v", err)
		}
		received.Method = methods[0]
	}
	return received, nil
}

func invalidSignature(err error) error {
	if refused, ok := errors.AsType[*signer.Error](err); ok {
		return fmt.Errorf("invalid: %s (%s)", refused.Error(), refused.Code)
	}
	return fmt.Errorf("invalid: %w", err)
}

// parseHeaders reads "NAME: VALUE" texts.
func parseHeaders(texts []string) (http.Header, error) {
	header := http.Header{}
	for _, text := range texts {
		name, value, found := strings.Cut(text, ":")
		if name = strings.TrimSpace(name); !found || name == "" {
			return nil, usagef("--header %q is not NAME: VALUE", text)
		}
		header.Add(name, strings.TrimSpace(value))
	}
	return header, nil
}
