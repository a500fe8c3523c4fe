package dispatcher_test

import (
	"testing"

	"github.com/waybillhq/waybill/postback"
)

func TestAnEnabledEndpointGetsWhatWaitedForEitherReason(t *testing.T) {
	t.Parallel()
	b := setup(t)
	endpoint := b.offer(t)
	if _, err := b.Endpoints.Pause(t.Context(), endpoint.ID); err != nil {
		t.Fatal(err)
	}
	b.many(t, 2)
	resumed, err := b.Endpoints.Resume(t.Context(), endpoint.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Endpoints.Disable(t.Context(), endpoint.ID, resumed.Revision, postback.DisabledGone); err != nil {
		t.Fatal(err)
	}
	b.accept(t, event(t, "tx-disabled"))
	b.release(t)
	if parked := b.count(t, in(postback.Parked)); parked != 3 {
		t.Fatalf("%d deliveries are parked, want all", parked)
	}
	if _, err := b.Endpoints.Resume(t.Context(), endpoint.ID); err != nil {
		t.Fatal(err)
	}
	b.release(t)
	if parked := b.count(t, in(postback.Parked)); parked != 0 {
		t.Errorf("%d deliveries are still parked", parked)
	}
}
