package api_test

import (
	"testing"

	"github.com/waybillhq/waybill/postback"
)

// A job of more deliveries than can be counted is shown without their outcomes.
func TestReplayWithoutOutcomesInTime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill()
	b.jobs["rpl_large"] = postback.ReplayJob{ID: "rpl_large", State: postback.ReplayDone, Matched: 5_000_000, Replayed: 5_000_000, Collected: true, CreatedAt: start, EndedAt: start}
	c := b.client(t, "admin")
	job, err := c.GetReplay(t.Context(), "rpl_large")
	if err != nil || job.Replayed != 5_000_000 || job.Outcomes != nil || !job.OutcomesOmitted {
		t.Errorf("got %+v, %v", job, err)
	}
	if job, err = c.GetReplay(t.Context(), "rpl_9"); err != nil || job.Outcomes == nil || job.OutcomesOmitted {
		t.Errorf("got %+v, %v", job, err)
	}
}
