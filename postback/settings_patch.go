package postback

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// EndpointPatch is what is asked to change of an endpoint's settings: new values by
// JSON name, each of them whole. Those that are not named stay as they are. Nil
// brings back what a new endpoint has, where that is no mistake.
type EndpointPatch map[string]any

// Names reports whether the patch changes a setting.
func (p EndpointPatch) Names(setting string) bool {
	_, found := p[setting]
	return found
}

// Over gives settings as the patch changes them. The error names the place that is
// wrong, such as "retry.schedule[0]"; what a setting must be beyond its form is
// not checked.
func (p EndpointPatch) Over(settings EndpointSettings) (EndpointSettings, error) {
	for _, name := range slices.Sorted(maps.Keys(p)) {
		if err := settings.set(name, p[name]); err != nil {
			return settings, err
		}
	}
	return settings, nil
}

func (s *EndpointSettings) set(name string, value any) error {
	field, declared := fieldNamed(reflect.ValueOf(s).Elem(), name)
	if !field.IsValid() {
		return Invalid(name, CodeUnknownField, "is no setting of an endpoint; remove it or correct its spelling")
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if string(text) == "null" {
		if !settingOf(declared).Clears() {
			return Null(name)
		}
		field.SetZero()
		return nil
	}
	if name == "rate_limit" {
		if text, err = wholeRateLimit(text); err != nil {
			return err
		}
		if text == nil {
			field.SetZero()
			return nil
		}
	}
	given := reflect.New(field.Type()) // what is not named in it does not stay
	if err := decodeAt(name, text, given.Elem()); err != nil {
		return err
	}
	if err := checkWritten(name, text, given.Interface()); err != nil {
		return err
	}
	field.Set(given.Elem())
	return nil
}

// fieldNamed is a member of a struct by its JSON name; invalid when there is none.
func fieldNamed(value reflect.Value, name string) (reflect.Value, reflect.StructField) {
	for field, member := range value.Fields() {
		if memberName(field) == name {
			return member, field
		}
	}
	return reflect.Value{}, reflect.StructField{}
}

// decodeAt reads JSON into the value that field names. The error names the place
// within it.
func decodeAt(field string, text []byte, into reflect.Value) error {
	err := json.Unmarshal(text, into.Addr().Interface())
	if err == nil && into.Kind() != reflect.Pointer && into.Kind() != reflect.Struct {
		return nil
	}
	var members map[string]json.RawMessage
	var items []json.RawMessage
	switch kind := into.Type(); {
	case kind.Kind() == reflect.Pointer:
		return decodeAt(field, text, reflect.New(kind.Elem()).Elem())
	case kind.Kind() == reflect.Struct && json.Unmarshal(text, &members) == nil:
		for _, name := range slices.Sorted(maps.Keys(members)) {
			member, _ := fieldNamed(into, name)
			if !member.IsValid() {
				return Invalid(field+"."+name, CodeUnknownField, "is not a field of this request; remove it or correct its spelling")
			}
			if err := decodeAt(field+"."+name, members[name], reflect.New(member.Type()).Elem()); err != nil {
				return err
			}
		}
	case kind.Kind() == reflect.Slice && json.Unmarshal(text, &items) == nil:
		for i, item := range items {
			if err := decodeAt(fmt.Sprintf("%s[%d]", field, i), item, reflect.New(kind.Elem()).Elem()); err != nil {
				return err
			}
		}
	}
	return errorAt(field, err)
}

// errorAt says of an error in reading JSON which field it is about.
func errorAt(field string, err error) error {
	if err == nil {
		return nil
	}
	wrong := explainDecode(err)
	return Invalid(strings.TrimSuffix(field+"."+wrong.Field, "."), wrong.Code, "%s", wrong.Message)
}

// wholeRateLimit reads the short form of a limit, a number; 0 is none, and gives nil.
func wholeRateLimit(text []byte) ([]byte, error) {
	var rate float64
	switch {
	case text[0] == '{':
		return text, nil
	case json.Unmarshal(text, &rate) != nil:
		return nil, Invalid("rate_limit", CodeInvalid,
			`write the attempts per second as a number, or as an object such as {"per_second": 20, "burst": 40}`)
	}
	if rate == 0 {
		return nil, nil
	}
	return json.Marshal(RateLimit{PerSecond: rate}) //nolint:wrapcheck // a number that was read
}

// checkWritten refuses a setting of which a value that was written would be lost,
// because it is the zero that stands for not given.
func checkWritten(name string, text []byte, given any) error {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(text, &members) // of what is no object, none is written
	written := func(member string) bool { return members[member] != nil }
	switch given := given.(type) {
	case *RetryPolicy:
		return given.CheckGiven(written)
	case **RateLimit:
		if (*given).Burst == 0 && written("burst") {
			return Invalid("rate_limit.burst", CodeInvalid, "is 0: give more, or leave the field out for what comes in a second")
		}
	case *[]int:
		if name == "success_statuses" && len(*given) == 0 {
			return Invalid(name, CodeInvalid, "is empty: give at least one status, or leave the field out for 200 alone")
		}
	case *Duration:
		if name == "timeout" && (*given <= 0 || time.Duration(*given) > MaxTimeout) {
			return Invalid(name, CodeInvalidDuration, "must be more than 0 and at most %s", FormatAge(MaxTimeout))
		}
	}
	return nil
}
