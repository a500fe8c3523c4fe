package e2e_test

import (
	"testing"
	"time"

	"github.com/waybillhq/waybill/postback"
)

const second = postback.Duration(time.Second)

// Guarantee: an event that got a 2xx is delivered, whatever is killed in
// between. The server is killed five times with events being accepted,
// delivered and retried.
func TestKill9LosesNoAcceptedEvent(t *testing.T) {
	t.Parallel()
	const events, kills = 1000, 5
	dir := t.TempDir()
	r := newReceiver(t, "bitlabs")
	// Every seventh fails once, so that retries are in flight too.
	r.status = func(transaction string, times int) int {
		if transaction[len(transaction)-1] == '7' && times == 1 {
			return 500
		}
		return 200
	}
	s := start(t, dir)
	register(t, s, r, second, second, second)
	var p producer
	p.server.Store(s)
	produced := make(chan []string, 1)
	go func() { produced <- p.produce(t.Context(), t, events) }()
	for kill := range int64(kills) {
		p.waitAccepted(t, (kill+1)*events/(kills+1))
		s.kill()
		s = start(t, dir)
		p.server.Store(s)
	}
	checkAllDelivered(t, s, r, <-produced, soon)
}

// Events accepted and not yet tried survive as well: the receiver answers
// nothing until the server has been killed.
func TestKill9WithEverythingInFlight(t *testing.T) {
	t.Parallel()
	const events = 400
	dir := t.TempDir()
	r := newReceiver(t, "besitos")
	hold := make(chan struct{})
	r.Config.Handler = holding(hold, r)
	s := start(t, dir)
	register(t, s, r)
	var p producer
	p.server.Store(s)
	transactions := p.produce(t.Context(), t, events)
	s.kill()
	close(hold)
	checkAllDelivered(t, start(t, dir), r, transactions, soon)
}

// SIGTERM: what is under way is finished and recorded, and the exit code is 0.
func TestSIGTERMDrains(t *testing.T) {
	t.Parallel()
	const events = 50
	dir := t.TempDir()
	r := newReceiver(t, "bitlabs")
	hold, arrived := make(chan struct{}), make(chan struct{}, events)
	r.Config.Handler = announcing(arrived, holding(hold, r))
	s := start(t, dir)
	register(t, s, r)
	var p producer
	p.server.Store(s)
	transactions := p.produce(t.Context(), t, events)
	for range atOnce {
		<-arrived
	}
	stopped := make(chan int, 1)
	go func() { stopped <- s.stop() }()
	eventually(t, 10*time.Second, "the server to begin draining", func() bool {
		return s.Health(t.Context()) != nil
	})
	close(hold)
	if code := <-stopped; code != 0 {
		t.Fatalf("exit code %d after SIGTERM:\n%s", code, s.log)
	}
	s = start(t, dir)
	checkAllDelivered(t, s, r, transactions, soon)
	if _, all := r.seen(); all != events {
		t.Errorf("%d requests for %d events: a drained attempt was made again", all, events)
	}
}
