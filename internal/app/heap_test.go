package app_test

import (
	"testing"

	"github.com/waybillhq/waybill/internal/app"
)

// The heap grows to 160 MiB, but never to less than twice or more than five times
// what is live.
func TestCollectPercent(t *testing.T) {
	t.Parallel()
	for live, want := range map[uint64]int{0: 400, 1: 400, 20 << 20: 400, 32 << 20: 400, 64 << 20: 150, 80 << 20: 100, 1 << 30: 100} {
		if got := app.CollectPercent(live); got != want {
			t.Errorf("with %d bytes live it is %d, want %d", live, got, want)
		}
	}
}
