package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/waybillhq/waybill/postback"
)

// clearable is an input of whose body null clears some members. Of all others null
// is refused: it would be taken for a member that is not there, and a dry run or a
// filter be lost.
type clearable interface{ clearedByNull() []string }

// refuseNulls refuses null anywhere in an object but in the members that it
// clears.
func refuseNulls(object []byte, cleared []string) error {
	var members map[string]any
	decoder := json.NewDecoder(bytes.NewReader(object))
	decoder.UseNumber()
	if err := decoder.Decode(&members); err != nil {
		return fmt.Errorf("read members: %w", err)
	}
	for _, name := range cleared {
		if members[name] == nil {
			delete(members, name)
		}
	}
	if field, found := nullIn("", members); found {
		return postback.Null(field) //nolint:wrapcheck // it names the field
	}
	return nil
}

// nullIn finds the first null in a value, and says where it is.
func nullIn(path string, value any) (field string, found bool) {
	switch value := value.(type) {
	case nil:
		return path, true
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			if field, found := nullIn(strings.TrimPrefix(path+"."+name, "."), value[name]); found {
				return field, true
			}
		}
	case []any:
		for i, one := range value {
			if field, found := nullIn(fmt.Sprintf("%s[%d]", path, i), one); found {
				return field, true
			}
		}
	}
	return "", false
}
