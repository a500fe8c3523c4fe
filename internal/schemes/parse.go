package schemes

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// Parse compiles a declaration. file is its name, for errors such as
// "acme.yaml:12: parts[2].field: is required"; one that ends in .json holds
// JSON, any other YAML. What is wrong with a setting is a *signer.Error in it.
//
// What goes beyond the bounds of a promise of retries or of headers is refused, too.
func Parse(file string, text []byte) (*signer.Definition, error) {
	definition, beyond, err := parse(file, text)
	switch {
	case err != nil:
		return nil, err
	case beyond != nil:
		return nil, beyond.err
	default:
		return definition, nil
	}
}

// parse is Parse, but tells apart what is beyond a bound: the scheme signs all the
// same.
func parse(file string, text []byte) (*signer.Definition, *excess, error) {
	root, err := parseText(file, text)
	if err != nil {
		return nil, nil, err
	}
	var declaration signer.Declaration
	d := decoder{file: file, lines: map[string]int{}}
	if err := d.decode(root, "", reflect.ValueOf(&declaration).Elem()); err != nil {
		return nil, nil, err
	}
	definition, err := signer.Compile(declaration)
	if err != nil {
		return nil, nil, d.locate(err)
	}
	if refused, ok := errors.AsType[*postback.Error](postback.CheckEventType(definition.EventType())); ok {
		return nil, nil, d.locate(&signer.Error{Code: signer.CodeDeclaration, Field: "event_type", Message: refused.Message})
	}
	beyond := excessOf(definition)
	if beyond != nil {
		beyond.err = d.locate(beyond.err)
	}
	return definition, beyond, nil
}

// parseText parses YAML, of which JSON is a part once its tabs are spaces and
// its strings have no escapes of its own. In JSON a tab is white space and
// nothing else.
func parseText(file string, text []byte) (*yaml.Node, error) {
	if filepath.Ext(file) == ".json" {
		if err := checkJSON(file, text); err != nil {
			return nil, err
		}
		text = respell(bytes.ReplaceAll(text, []byte("\t"), []byte(" ")))
	}
	documents := yaml.NewDecoder(bytes.NewReader(text))
	var root, more yaml.Node
	switch err := documents.Decode(&root); {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%s:1: is empty", file)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", file, err) // which names the line
	}
	if err := documents.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s:%d: holds more than one document", file, max(more.Line, 1))
	}
	return root.Content[0], nil
}

func checkJSON(file string, text []byte) error {
	var document json.RawMessage
	err := json.Unmarshal(text, &document)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		line := 1 + bytes.Count(text[:min(int(syntax.Offset), len(text))], []byte("\n"))
		return fmt.Errorf("%s:%d: %w", file, line, err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// respell writes the strings of valid JSON as YAML reads them: without "\/" and
// pairs of surrogates. Lines stay where they are.
func respell(text []byte) []byte {
	made := make([]byte, 0, len(text))
	for len(text) > 0 {
		start := bytes.IndexByte(text, '"')
		if start < 0 {
			break
		}
		end := start + 1
		for text[end] != '"' {
			if text[end] == '\\' {
				end++
			}
			end++
		}
		made = append(made, text[:start]...)
		var value string
		literal := text[start : end+1]
		if json.Unmarshal(literal, &value) == nil {
			if respelled, err := json.Marshal(value); err == nil {
				literal = respelled
			}
		}
		made = append(made, literal...)
		text = text[end+1:]
	}
	return append(made, text...)
}

// decoder decodes nodes strictly, and notes the line of each path.
type decoder struct {
	file  string
	lines map[string]int
}

// locate puts file and line before an error of signer.Compile. The line is that
// of the path or, for what is missing, of the nearest part of it that is there.
func (d *decoder) locate(err error) error {
	refused, ok := errors.AsType[*signer.Error](err)
	if !ok {
		return fmt.Errorf("%s: %w", d.file, err)
	}
	path := refused.Field
	for {
		if line, found := d.lines[path]; found {
			return fmt.Errorf("%s:%d: %w", d.file, line, err)
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return fmt.Errorf("%s:%d: %w", d.file, d.lines[""], err)
		}
		path = path[:cut]
	}
}

func (d *decoder) wrong(node *yaml.Node, path, format string, args ...any) error {
	refused := &signer.Error{Code: signer.CodeDeclaration, Field: path, Message: fmt.Sprintf(format, args...)}
	return fmt.Errorf("%s:%d: %w", d.file, node.Line, refused)
}
