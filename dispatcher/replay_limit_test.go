package dispatcher_test

import (
	"strings"
	"testing"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/postback"
)

// A publisher has as many replays running as it may, whoever started them; others,
// and those that name no publisher, have their own number.
func TestReplaysAtOnceAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *dispatcher.Options) { o.Replay.MaxPerPublisher = 2 })
	b.offer(t)
	b.dead(t, 3)
	of := func(publisher string) postback.DeliveryFilter { return postback.DeliveryFilter{Publisher: publisher} }
	first := b.start(t, of("pub_1"), 0.001)
	b.start(t, of("pub_1"), 0.001)
	refused := func(publisher string) {
		t.Helper()
		_, err := b.StartReplay(t.Context(), of(publisher), 0, false)
		if postback.CodeOf(err) != postback.CodeLimit || !strings.Contains(err.Error(), "--max-replays-per-publisher") {
			t.Errorf("one more of %q: %v", publisher, err)
		}
	}
	refused("pub_1")
	if _, err := b.StartReplay(t.Context(), of("pub_1"), 0, true); err != nil {
		t.Errorf("counting is refused: %v", err)
	}
	b.start(t, of(""), 0.001)
	b.start(t, of(""), 0.001)
	refused("")
	if _, err := b.CancelReplay(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	b.start(t, of("pub_1"), 0.001)
}
