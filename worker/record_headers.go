package worker

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// Bounds of what is kept of an answer's headers: a receiver writes them, and each
// attempt is kept for months.
const (
	maxHeaderValue = 1 << 10 // bytes of a value
	maxHeaders     = 8 << 10 // bytes of all names and values
)

// bounded cuts headers to what is kept, the short ones first, and says what was
// cut; "" is nothing.
func bounded(headers map[string]string) (kept map[string]string, note string) {
	names := slices.SortedFunc(maps.Keys(headers), func(a, b string) int {
		return cmpSize(a, headers[a], b, headers[b])
	})
	kept = make(map[string]string, len(headers))
	all, size := 0, 0
	for _, name := range names {
		value := headers[name]
		all += len(name) + len(value)
		value = value[:min(len(value), maxHeaderValue)]
		if size+len(name)+len(value) > maxHeaders {
			continue
		}
		size += len(name) + len(value)
		kept[name] = value
	}
	if size < all {
		note = fmt.Sprintf("the answer's headers are truncated: %d of %d bytes are kept", size, all)
	}
	return kept, note
}

// cmpSize orders headers by their size, and those of the same by name.
func cmpSize(a, aValue, b, bValue string) int {
	return cmp.Or(cmp.Compare(len(a)+len(aValue), len(b)+len(bValue)), cmp.Compare(a, b))
}
