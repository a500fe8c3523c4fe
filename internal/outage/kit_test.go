package outage_test

import (
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waybillhq/waybill/internal/outage"
	"github.com/waybillhq/waybill/postback"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// line is a monitor with a clock.
type line struct {
	*outage.Monitor

	now   time.Time
	count int
}

func newLine() *line {
	return &line{Monitor: outage.NewMonitor(outage.Default()), now: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)}
}

func (l *line) pass(by time.Duration) { l.now = l.now.Add(by) }

// attempt is a new delivery's to a publisher's receiver.
func (l *line) attempt(publisher, host string) outage.Attempt {
	l.count++
	return outage.Attempt{
		DeliveryID: fmt.Sprintf("dlv_%d", l.count), EndpointID: "ep_" + publisher + host, Publisher: publisher, Host: host, StartedAt: l.now,
	}
}

// send makes an attempt that takes some time, and reports whether it was made and
// whether it failed through our fault.
func (l *line) send(publisher, host string, found outage.Finding) (made, ours bool) {
	attempt := l.attempt(publisher, host)
	if !l.Enter(attempt, l.now) {
		return false, false
	}
	l.pass(100 * time.Millisecond)
	defer l.Leave(attempt)
	return true, l.Learn(attempt, found, "egress_no_route", "no route", l.now) == outage.Ours
}

// publishers have a receiver of their own each.
func publishers(n int) (all [][2]string) {
	for i := range n {
		all = append(all, [2]string{fmt.Sprintf("pub_%d", i), fmt.Sprintf("host%d.example.com", i)})
	}
	return all
}

// fall has receivers fail one after another, and reports how many failures were
// not ours before the outage was found.
func (l *line) fall(all [][2]string) (theirs int) {
	for _, one := range all {
		if made, ours := l.send(one[0], one[1], outage.Unreached); made && !ours {
			theirs++
		}
	}
	return theirs
}

func (l *line) expect(t *testing.T, when string, down bool) postback.Outage {
	t.Helper()
	state, is := l.State(l.now)
	if is != down {
		t.Fatalf("%s: an outage is %t, want %t: %+v", when, is, down, state)
	}
	return state
}

// expectWorks checks whether something is said to get through.
func (l *line) expectWorks(t *testing.T, when string, want bool) {
	t.Helper()
	select {
	case <-l.Works():
		if !want {
			t.Errorf("%s: the egress path is said to work", when)
		}
	default:
		if want {
			t.Errorf("%s: the egress path is said to be down", when)
		}
	}
}
