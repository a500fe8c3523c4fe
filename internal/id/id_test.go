package id_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/id"
)

func TestNewSortsByMicrosecondsAndNeverRepeats(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^dlv_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$`)
	at := time.Date(2026, 1, 31, 23, 59, 59, 995_000_000, time.UTC)
	made := make([]string, 10_000)
	for i := range made {
		made[i] = id.New(id.Delivery, at.Add(time.Duration(i)*time.Microsecond))
		if !form.MatchString(made[i]) {
			t.Fatalf("id %q is not a prefix and the digits of a UUIDv7", made[i])
		}
	}
	if !slices.IsSorted(made) {
		t.Error("ids do not sort by the microseconds that they were made for")
	}
	same := make([]string, 10_000)
	for i := range same {
		same[i] = id.New(id.Delivery, at)
	}
	slices.Sort(same)
	if len(slices.Compact(same)) != 10_000 {
		t.Error("an id was made twice for the same moment")
	}
}

// The layout of RFC 9562, section 5.7: whoever reads an id finds its time.
func TestNewIsAUUIDv7(t *testing.T) {
	t.Parallel()
	made := id.New(id.Event, time.UnixMilli(0x017F22E279B0).Add(500*time.Microsecond))
	if !strings.HasPrefix(made, "evt_017f22e279b07800") {
		t.Errorf("got %s", made)
	}
}
