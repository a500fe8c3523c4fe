package schemes

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	tagString    = "!!str"
	tagInteger   = "!!int"
	tagFloat     = "!!float"
	tagBoolean   = "!!bool"
	tagNull      = "!!null"
	tagTimestamp = "!!timestamp"
)

// decode sets a value of signer.Declaration.
func (d *decoder) decode(node *yaml.Node, path string, into reflect.Value) error {
	d.lines[path] = node.Line
	if node.Kind == yaml.AliasNode || node.Anchor != "" {
		return d.wrong(node, path, "anchors and aliases are not read")
	}
	if into.Type() == reflect.TypeFor[json.RawMessage]() {
		text, err := d.appendJSON(nil, node, path)
		into.SetBytes(text)
		return err
	}
	switch into.Kind() {
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		return d.decode(node, path, into.Elem())
	case reflect.Struct:
		return d.decodeStruct(node, path, into)
	case reflect.Slice:
		return d.decodeList(node, path, into)
	case reflect.Map:
		return d.decodeMap(node, path, into)
	default:
		return d.decodeScalar(node, path, into)
	}
}

func (d *decoder) decodeStruct(node *yaml.Node, path string, into reflect.Value) error {
	return d.eachPair(node, path, func(key *yaml.Node, value *yaml.Node) error {
		names := fieldNames(into.Type())
		at := slices.Index(names, key.Value)
		if at < 0 {
			return d.wrong(key, path, "unknown setting %.40q; known: %s", key.Value, strings.Join(names, ", "))
		}
		return d.decode(value, join(path, key.Value), into.Field(at))
	})
}

// fieldNames are the names of a struct's fields in files.
func fieldNames(of reflect.Type) []string {
	names := make([]string, of.NumField())
	for i := range names {
		names[i], _, _ = strings.Cut(of.Field(i).Tag.Get("json"), ",")
	}
	return names
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// eachPair calls set with the keys and values of a mapping.
func (d *decoder) eachPair(node *yaml.Node, path string, set func(key, value *yaml.Node) error) error {
	if node.Kind != yaml.MappingNode {
		return d.wrong(node, path, "must be a mapping, such as name: value")
	}
	seen := map[string]struct{}{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			return d.wrong(key, path, "a name must be a plain word")
		}
		if _, twice := seen[key.Value]; twice {
			return d.wrong(key, path, "%.40q is set twice", key.Value)
		}
		seen[key.Value] = struct{}{}
		if err := set(key, value); err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) decodeList(node *yaml.Node, path string, into reflect.Value) error {
	if node.Kind != yaml.SequenceNode {
		return d.wrong(node, path, "must be a list, such as [a, b]")
	}
	list := reflect.MakeSlice(into.Type(), len(node.Content), len(node.Content))
	for i, element := range node.Content {
		if err := d.decode(element, fmt.Sprintf("%s[%d]", path, i), list.Index(i)); err != nil {
			return err
		}
	}
	into.Set(list)
	return nil
}

func (d *decoder) decodeMap(node *yaml.Node, path string, into reflect.Value) error {
	into.Set(reflect.MakeMap(into.Type()))
	return d.eachPair(node, path, func(key, value *yaml.Node) error {
		element := reflect.New(into.Type().Elem()).Elem()
		if err := d.decode(value, join(path, key.Value), element); err != nil {
			return err
		}
		into.SetMapIndex(reflect.ValueOf(key.Value), element)
		return nil
	})
}

func (d *decoder) decodeScalar(node *yaml.Node, path string, into reflect.Value) error {
	tag := node.ShortTag()
	switch into.Kind() {
	case reflect.String:
		if node.Kind != yaml.ScalarNode || tag != tagString && tag != tagTimestamp {
			return d.wrong(node, path, "must be a string: put it in quotes")
		}
		into.SetString(node.Value)
	case reflect.Bool:
		if node.Kind != yaml.ScalarNode || tag != tagBoolean {
			return d.wrong(node, path, "must be true or false")
		}
		into.SetBool(strings.EqualFold(node.Value, "true"))
	case reflect.Float64:
		number, err := strconv.ParseFloat(node.Value, 64)
		if node.Kind != yaml.ScalarNode || tag != tagInteger && tag != tagFloat || err != nil {
			return d.wrong(node, path, "must be a number")
		}
		into.SetFloat(number)
	default:
		number, err := strconv.Atoi(node.Value)
		if node.Kind != yaml.ScalarNode || tag != tagInteger || err != nil {
			return d.wrong(node, path, "must be a whole number")
		}
		into.SetInt(int64(number))
	}
	return nil
}

// appendJSON appends an event's data as JSON. Its order and the spelling of
// numbers are kept.
func (d *decoder) appendJSON(dst []byte, node *yaml.Node, path string) ([]byte, error) {
	if node.Kind == yaml.AliasNode || node.Anchor != "" {
		return nil, d.wrong(node, path, "anchors and aliases are not read")
	}
	switch node.Kind {
	case yaml.MappingNode:
		dst = append(dst, '{')
		first := true
		err := d.eachPair(node, path, func(key, value *yaml.Node) error {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = append(appendString(dst, key.Value), ':')
			var err error
			dst, err = d.appendJSON(dst, value, join(path, key.Value))
			return err
		})
		return append(dst, '}'), err
	case yaml.SequenceNode:
		dst = append(dst, '[')
		for i, element := range node.Content {
			if i > 0 {
				dst = append(dst, ',')
			}
			var err error
			if dst, err = d.appendJSON(dst, element, fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	default:
		return d.appendScalar(dst, node, path)
	}
}

func (d *decoder) appendScalar(dst []byte, node *yaml.Node, path string) ([]byte, error) {
	switch tag := node.ShortTag(); tag {
	case tagNull:
		return append(dst, "null"...), nil
	case tagBoolean:
		return strconv.AppendBool(dst, strings.EqualFold(node.Value, "true")), nil
	case tagString, tagTimestamp:
		return appendString(dst, node.Value), nil
	case tagInteger, tagFloat:
		if !json.Valid([]byte(node.Value)) {
			return nil, d.wrong(node, path, "write the number as JSON does, or put it in quotes")
		}
		return append(dst, node.Value...), nil
	default:
		return nil, d.wrong(node, path, "%s has no meaning here", tag)
	}
}

func appendString(dst []byte, text string) []byte {
	quoted, err := json.Marshal(text)
	if err != nil {
		return append(dst, `""`...) // never: a string can always be marshalled
	}
	return append(dst, quoted...)
}
