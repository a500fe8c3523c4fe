package cli

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/internal/diagnose"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// verifyFlags describe a request that came in.
type verifyFlags struct {
	scheme   schemeFlags
	received signer.Received
	headers  []string
	body     string
	request  string
	baseURL  string
	at       string
	secret   secretFlags
	json     bool
}

func (p *program) verifyCommand() *cobra.Command {
	var flags verifyFlags
	cmd := &cobra.Command{
		Use:   "verify (--scheme SCHEME | --scheme-file FILE) (--url URL | --request FILE)",
		Short: "Check a received postback's signature offline, and say why it is invalid",
		Long: `Check the signature of one received postback, without a server. Exit code 0 says
that it is valid, 1 that it must not be trusted.

Give the URL exactly as it was called, and the body byte for byte: a signature
covers spelling, too. Or paste the request: with --request - standard input holds
a raw HTTP request, its first line, a line of an access log, or a URL.

When the signature is invalid, the usual mistakes are tried: another order,
other escapes, http:// for https://, a port, another hash, a line break behind the
secret, and many more. What is said to make it hold does make it hold.

` + knownSchemes(),
		Example: `  waybill verify --scheme bitlabs --secret-file secret.txt \
    --url 'https://publisher.example.com/complete?uid=u1&val=150&hash=...'
  waybill verify --scheme simpleswap --secret-file secret.txt \
    --url https://exchange.example.com/hook --body @request.json
  grep complete access.log | tail -1 | waybill verify --scheme bitlabs \
    --secret-file secret.txt --base-url https://publisher.example.com --request -`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := flags.scheme.require(cmd); err != nil {
				return err
			}
			if err := flags.check(); err != nil {
				return err
			}
			return p.verify(&flags)
		},
	}
	flags.add(cmd)
	return cmd
}

func (f *verifyFlags) add(cmd *cobra.Command) {
	add := cmd.Flags()
	f.scheme.add(cmd, "of the sender")
	add.StringVar(&f.received.Template, "template", "", "`URL` URL that the sender was given, with its macros, for schemes that sign their values")
	add.StringVar(&f.received.URL, "url", "", "`URL` absolute URL as it was called, with its query")
	add.StringVar(&f.request, "request", "", "`REQUEST` the whole request, in place of --url and the flags about it; @FILE reads a file, - standard input")
	add.StringVar(&f.baseURL, "base-url", "", "`ORIGIN` origin that was called, for a --request that does not say it (default: its Host, with https:// or http://)")
	add.StringVar(&f.received.Method, "method", "", "`METHOD` HTTP method (default: the scheme's own)")
	add.StringArrayVarP(&f.headers, "header", "H", nil, "`'NAME: VALUE'` header of the request (repeatable)")
	add.StringVar(&f.body, "body", "", "`BODY` body of the request; @FILE reads a file, - standard input")
	add.StringVar(&f.at, "at", "", "`TIME` when it was received, for schemes that sign a time: "+timeForms+" (default: the age is not checked)")
	f.secret.ambient = true
	f.secret.add(cmd, "that the sender signs with")
	jsonFlag(cmd, &f.json)
}

// check refuses flags that describe the request in two ways, or in none.
func (f *verifyFlags) check() error {
	parts := f.received.URL != "" || f.received.Method != "" || f.body != "" || len(f.headers) > 0
	switch {
	case f.request != "" && parts:
		return usagef("give --request, or --url with --method, --header and --body, not both")
	case f.request == "" && f.received.URL == "":
		return usagef("missing the request: give --url or --request")
	case f.request == "" && f.baseURL != "":
		return usagef("--base-url belongs to --request; --url says it all")
	default:
		return nil
	}
}

// verified is what verify says with --json.
type verified struct {
	Valid    bool               `json:"valid"`
	Scheme   string             `json:"scheme"`
	URL      string             `json:"url"`
	Code     string             `json:"code,omitempty"`
	Message  string             `json:"message,omitempty"`
	Findings []postback.Finding `json:"findings,omitempty"`
}

func (p *program) verify(flags *verifyFlags) error {
	scheme, err := flags.scheme.find(p)
	if err != nil {
		return err
	}
	if flags.secret.stdin && (flags.body == "-" || flags.request == "-") {
		return usagef("standard input can hold the secret or the request, not both")
	}
	secret, err := flags.secret.read(p)
	if err != nil {
		return err
	}
	if secret.Empty() {
		return usagef("missing the secret: give --secret-file, --secret-stdin or %s", secretEnv)
	}
	possible, err := flags.requests(p, scheme)
	if err != nil {
		return err
	}
	at, err := timeFlag("at", flags.at, time.Now(), time.Time{})
	if err != nil {
		return err
	}
	secrets := []string{secret.Reveal()}
	for _, received := range possible {
		if scheme.Verify(received, secrets, at) == nil {
			return p.showValid(flags, received)
		}
	}
	received := possible[0]
	refused := scheme.Verify(received, secrets, at)
	return p.showInvalid(flags, received, refused, diagnose.ExplainBy(scheme.Name(), scheme, received, secrets, at))
}

func (p *program) showValid(flags *verifyFlags, received signer.Received) error {
	if flags.json {
		return p.printJSON(verified{Valid: true, Scheme: flags.scheme.name, URL: received.URL})
	}
	p.printf("valid: signed in the scheme %s with this secret\n", flags.scheme.name)
	return nil
}

func (p *program) showInvalid(flags *verifyFlags, received signer.Received, refused error, findings []postback.Finding) error {
	shown := verified{Scheme: flags.scheme.name, URL: received.URL, Message: refused.Error(), Findings: findings}
	if known, ok := errors.AsType[*signer.Error](refused); ok {
		shown.Code = known.Code
	}
	if flags.json {
		if err := p.printJSON(shown); err != nil {
			return err
		}
	} else {
		for _, finding := range findings {
			p.printf("%s (%s)\n", escapeLine(finding.Message), escapeLine(finding.Code))
		}
	}
	return flags.invalid(refused)
}

// invalid says why a signature must not be trusted, and of one that is not there
// how to hand it over.
func (f *verifyFlags) invalid(err error) error {
	refused, ok := errors.AsType[*signer.Error](err)
	if !ok {
		return fmt.Errorf("invalid: %w", err)
	}
	remedy := ""
	if refused.Code == signer.CodeSignatureMissing {
		remedy = f.missing(refused.Field)
	}
	return fmt.Errorf("invalid: %s%s (%s)", refused.Error(), remedy, refused.Code)
}

// missing says how the part of the request is given that would hold a signature.
func (f *verifyFlags) missing(part string) string {
	switch {
	case part == "url":
		return "; give the URL as it was called, with its query"
	case f.request != "":
		return "; --request must hold the whole request, headers and body included"
	case part == "body":
		return "; give the body as it came with --body"
	default:
		return "; give each header of the request with --header 'NAME: VALUE'"
	}
}

// requests lists what was received; more than one when it is not known whether
// that was by http:// or https://.
func (f *verifyFlags) requests(p *program, scheme *signer.Definition) ([]signer.Received, error) {
	possible := []signer.Received{f.received}
	if f.request != "" {
		text, err := p.content("request", f.request)
		if err != nil {
			return nil, err
		}
		read, err := parseRequest(text)
		if err != nil {
			return nil, err
		}
		if possible, err = read.received(f.baseURL); err != nil {
			return nil, err
		}
	} else {
		var err error
		if possible[0].Header, err = parseHeaders(f.headers); err != nil {
			return nil, err
		}
		if possible[0].Body, err = p.content("body", f.body); err != nil {
			return nil, err
		}
	}
	for i := range possible {
		possible[i].Template = f.received.Template
		if possible[i].Method == "" {
			possible[i].Method = scheme.Methods()[0]
		}
	}
	return possible, nil
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
