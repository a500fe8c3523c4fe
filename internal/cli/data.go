package cli

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/postback"
)

// dataFlags are the ways to write an event's data.
type dataFlags struct {
	data   string
	fields []string
}

func (d *dataFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&d.data, "data", "", "`JSON` the event's data, an object; @FILE reads a file, - standard input")
	cmd.Flags().StringArrayVar(&d.fields, "field", nil, "`NAME=TEXT` one field of the data; NAME:=JSON for other types (repeatable, instead of --data)")
}

// usesStdin reports whether the data is read from standard input.
func (d *dataFlags) usesStdin() bool { return d.data == "-" }

// read returns the data as a JSON object, nil when none was given.
func (d *dataFlags) read(p *program) (json.RawMessage, error) {
	if len(d.fields) > 0 && d.data != "" {
		return nil, usagef("give --data or --field, not both")
	}
	if len(d.fields) > 0 {
		return objectOf(d.fields)
	}
	if d.data == "" {
		return nil, nil
	}
	text, err := p.content("data", d.data)
	if err != nil {
		return nil, err
	}
	source := sourceOf("data", d.data)
	err = wrongJSON(source, postback.CheckJSON(text))
	if err != nil && source == "--data" {
		err = usagef(`%v; for example --data '{"user_id":"u1"}'`, err)
	}
	return text, err
}

// wrongJSON says of JSON that came from a flag what is wrong with it, and where.
func wrongJSON(source string, err error) error {
	if err == nil {
		return nil
	}
	if rest, found := strings.CutPrefix(err.Error(), "the body "); found {
		return usagef("%s %s", source, rest)
	}
	return usagef("%s: %v", source, err)
}

// objectOf writes fields as a JSON object in the order they were given.
func objectOf(fields []string) (json.RawMessage, error) {
	members := make([]string, 0, len(fields))
	for _, field := range fields {
		name, value, found := strings.Cut(field, "=")
		name, raw := strings.CutSuffix(name, ":")
		if !found || name == "" {
			return nil, usagef("--field %q is neither NAME=TEXT nor NAME:=JSON", field)
		}
		if !raw {
			value = quoteJSON(value)
		}
		if !utf8.ValidString(field) {
			return nil, usagef("--field %q is not UTF-8", field)
		}
		if !json.Valid([]byte(value)) {
			return nil, usagef("--field %s: what follows := is not JSON", name)
		}
		members = append(members, quoteJSON(name)+":"+value)
	}
	return json.RawMessage("{" + strings.Join(members, ",") + "}"), nil
}

// quoteJSON leaves <, > and & as they are, for the text may become a body.
func quoteJSON(text string) string {
	var quoted strings.Builder
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		return `""` // cannot happen: a string always has an encoding
	}
	return strings.TrimSpace(quoted.String())
}
