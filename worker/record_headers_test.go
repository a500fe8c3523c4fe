package worker_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/worker"
)

// TestHeadersAreBounded checks what is kept of headers that a receiver makes long
// or many.
func TestHeadersAreBounded(t *testing.T) {
	t.Parallel()
	many := map[string]string{"Retry-After": "20"}
	for i := range 1000 {
		many[fmt.Sprintf("X-Filler-%03d", i)] = strings.Repeat("x", 60)
	}
	for name, one := range map[string]struct {
		headers  map[string]string
		cut      bool
		wantKept string
	}{
		"none":  {nil, false, ""},
		"few":   {map[string]string{"Retry-After": "20"}, false, "Retry-After"},
		"many":  {many, true, "Retry-After"},
		"a big": {map[string]string{"Set-Cookie": strings.Repeat("x", 60_000), "Retry-After": "20"}, true, "Set-Cookie"},
	} {
		kept, note := worker.Bounded(one.headers)
		size := 0
		for header, value := range kept {
			size += len(header) + len(value)
		}
		if size > 8<<10 || (note != "") != one.cut {
			t.Errorf("%s: %d bytes are kept, note %q", name, size, note)
		}
		if _, found := kept[one.wantKept]; one.wantKept != "" && !found {
			t.Errorf("%s: %s is not kept", name, one.wantKept)
		}
	}
}
