package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// shiftedClock makes a database's clock an hour and half a minute fast.
const shiftedClock = `
CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$ SELECT pg_catalog.clock_timestamp() + interval '1 hour 30 seconds' $$;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', current_database()); END $$;`

// Guarantee: every part goes by the ledger's clock, and a host whose own is off
// says so and delivers as ever.
func TestAHostWhoseClockIsOff(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.postgres.Exec(f.database, shiftedClock)
	s := f.start("serve")
	r := newReceiver(t, "besitos")
	r.status = func(_ string, times int) int { return 500 - 300*(times-1) } // 500, then 200
	register(t, s, r, postback.Duration(time.Second))
	sent, err := s.SendEvent(t.Context(), event("t000001"))
	if err != nil || len(sent.Deliveries) != 1 {
		t.Fatalf("sent %+v, %v", sent, err)
	}
	r.waitFor(t, 1, soon)
	var ended client.DeliveryDetail
	eventually(t, soon, "the retry to succeed", func() bool {
		ended, err = s.GetDelivery(t.Context(), sent.Deliveries[0].ID)
		return err == nil && ended.State == postback.Succeeded
	})
	if ahead := time.Until(ended.CreatedAt.Time); ahead < 50*time.Minute {
		t.Errorf("the delivery was made at a time %v from this host's, want about an hour", ahead)
	}
	for _, attempt := range ended.Attempts {
		if ahead := time.Until(attempt.StartedAt.Time); ahead < 50*time.Minute {
			t.Errorf("an attempt began at a time %v from this host's, want about an hour", ahead)
		}
	}
	if log := s.log.String(); strings.Count(log, "host clock differs from the ledger's") != 1 {
		t.Errorf("the log does not say once that the clock is off:\n%s", log)
	}
	code, said := refuses(t, append([]string{"doctor", "--data-dir", f.dir}, f.places()...)...)
	if !strings.Contains(said, "ledger clock: the database's clock is 1h0m") {
		t.Errorf("doctor, exit code %d, does not say that the clock is off:\n%s", code, said)
	}
}
