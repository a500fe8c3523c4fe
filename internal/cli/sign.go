package cli

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/signer"
)

// signFlags say what to sign.
type signFlags struct {
	scheme     schemeFlags
	target     signer.Target
	data       dataFlags
	secret     secretFlags
	messageID  string
	eventType  string
	occurredAt string
	at         string
	json       bool
}

func (p *program) signCommand() *cobra.Command {
	var flags signFlags
	cmd := &cobra.Command{
		Use:   "sign (--scheme SCHEME | --scheme-file FILE) --url URL",
		Short: "Sign a postback offline and show what would be sent",
		Long: `Build and sign one postback without a server and without sending it: the string
that is signed, and the method, URL, headers and body of the request.

The secret comes from --secret-file, --secret-stdin or WAYBILL_SECRET; --secret
shows it to other users of this machine. Where the secret is part of the string
that is signed, it is printed as <secret>.

` + knownSchemes(),
		Example: `  waybill sign --scheme besitos --secret-file secret.txt \
    --url https://publisher.example.com/postback --field user_id=u1 --field transaction_id=tx1
  waybill sign --scheme bitlabs --secret-file secret.txt \
    --url 'https://publisher.example.com/complete?uid=[%UID%]&val=[%VAL%]' --data '{"uid":"u1","val":150}'
  waybill sign --scheme simpleswap --secret-file secret.txt --url https://exchange.example.com/hook
  waybill sign --scheme-file acme.yaml --secret-file secret.txt --url https://publisher.example.com/postback`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := flags.scheme.require(cmd, "url"); err != nil {
				return err
			}
			return p.sign(&flags)
		},
	}
	flags.add(cmd)
	return cmd
}

func (f *signFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	f.scheme.add(cmd, "to sign in")
	flags.StringVar(&f.target.URL, "url", "", "`URL` the publisher's URL, with macros where the scheme has them")
	flags.StringVar(&f.target.Method, "method", "", "`METHOD` HTTP method (default: the scheme's own)")
	flags.StringVar(&f.target.PublicBaseURL, "public-base-url", "", "`ORIGIN` sign this origin in place of the URL's, for a receiver behind a proxy")
	f.data.add(cmd)
	f.secret.ambient = true
	f.secret.add(cmd, "to sign with")
	flags.StringVar(&f.messageID, "message-id", "", "`ID` message id, 32 hexadecimal digits (default: random)")
	flags.StringVar(&f.eventType, "type", "", "`TYPE` event type (default: the scheme's usual one, such as conversion.completed)")
	flags.StringVar(&f.occurredAt, "occurred-at", "", "`TIME` when the event happened: "+timeForms+" (default: now)")
	flags.StringVar(&f.at, "at", "", "`TIME` when the attempt is made, for schemes that sign it: "+timeForms+" (default: now)")
	jsonFlag(cmd, &f.json)
}

func (p *program) sign(flags *signFlags) error {
	scheme, err := flags.scheme.find(p)
	if err != nil {
		return err
	}
	if flags.secret.stdin && flags.data.usesStdin() {
		return usagef("standard input can hold the secret or the data, not both")
	}
	secret, err := flags.secret.read(p)
	if err != nil {
		return err
	}
	if secret.Empty() {
		return usagef("missing the secret: give --secret-file, --secret-stdin or %s", secretEnv)
	}
	message, at, err := flags.message(p, scheme)
	if err != nil {
		return err
	}
	request, err := scheme.Sign(flags.target, message, []string{secret.Reveal()}, at)
	if err != nil {
		return fmt.Errorf("sign postback: %w", err)
	}
	warnings, err := scheme.Check(flags.target)
	if err != nil {
		return fmt.Errorf("check target: %w", err)
	}
	for _, warning := range warnings {
		p.notef("warning: %s (%s)\n", escapeLine(warning.Message), warning.Code)
	}
	return p.showSigned(request, flags.json)
}

// message puts together what is signed, and gives the time of the attempt.
func (f *signFlags) message(p *program, scheme *signer.Definition) (signer.Message, time.Time, error) {
	now := time.Now().UTC()
	at, err := timeFlag("at", f.at, now, now)
	if err != nil {
		return signer.Message{}, now, err
	}
	message := signer.Message{ID: f.messageID, Type: f.eventType}
	if message.OccurredAt, err = timeFlag("occurred-at", f.occurredAt, now, now); err != nil {
		return signer.Message{}, now, err
	}
	if message.Type == "" {
		message.Type = scheme.EventType()
	}
	if message.ID == "" {
		message.ID = randomMessageID()
	}
	if message.Data, err = f.data.read(p); err != nil {
		return signer.Message{}, now, err
	}
	if message.Data == nil {
		p.notef("note: no --data given, so this is the scheme's example for %s\n", escapeLine(message.Type))
		message.Data = scheme.Example(message.Type)
	}
	return message, at, nil
}

func randomMessageID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails: the program would have ended
	return hex.EncodeToString(id[:])
}

// signedRequest is a signed postback as JSON shows it.
type signedRequest struct {
	StringToSign string            `json:"string_to_sign"`
	Signature    string            `json:"signature"`
	Method       string            `json:"method"`
	URL          string            `json:"url"`
	Headers      map[string]string `json:"headers,omitempty"`
	Body         string            `json:"body,omitempty"`
	Notes        []string          `json:"notes,omitempty"`
}

func (p *program) showSigned(request signer.Request, asJSON bool) error {
	shown := signedRequest{
		StringToSign: request.StringToSign, Signature: request.Signature,
		Method: request.Method, URL: request.URL, Headers: flatten(request.Header),
		Body: strings.ToValidUTF8(string(request.Body), string(utf8.RuneError)), Notes: request.Notes,
	}
	if asJSON {
		return p.printJSON(shown)
	}
	p.labels("",
		[2]string{"string to sign", shown.StringToSign},
		[2]string{"signature", shown.Signature},
		[2]string{"request", shown.Method + " " + shown.URL})
	for _, name := range slices.Sorted(maps.Keys(shown.Headers)) {
		p.labels("", [2]string{"header        ", name + ": " + shown.Headers[name]})
	}
	p.labels("", [2]string{"body          ", shown.Body})
	for _, note := range shown.Notes {
		p.labels("", [2]string{"note          ", note})
	}
	return nil
}

func flatten(header http.Header) map[string]string {
	flat := make(map[string]string, len(header))
	for name, values := range header {
		flat[name] = strings.Join(values, ", ")
	}
	return flat
}
