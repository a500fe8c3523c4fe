package id_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/waybillhq/waybill/internal/id"
)

func TestNewSortsByTimeAndNeverRepeats(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^dlv_[0-9a-f]{32}$`)
	made := make([]string, 10_000)
	for i := range made {
		made[i] = id.New(id.Delivery)
		if !form.MatchString(made[i]) {
			t.Fatalf("id %q is not a prefix and 32 hexadecimal digits", made[i])
		}
	}
	if !slices.IsSorted(made) {
		t.Error("ids made one after another do not sort in that order")
	}
	if len(slices.Compact(made)) != 10_000 {
		t.Error("an id was made twice")
	}
}
