package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// groups is a receiver's view of deliveries that go one after another: of each key,
// whether each came when those before it had ended.
type groups struct {
	mu     sync.Mutex
	ended  map[string]int // how many of a key have ended, all from the first on
	times  map[string]int // how often each transaction came
	wrong  []string
	stands int // requests that were not answered at once

	hangs   func(key string, number int) bool // first requests that are not answered before gone is closed
	gone    chan struct{}
	status  func(key string, number, times int) int
	mayFail int // requests after which one that only fails is a dead letter
}

func (r *groups) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		key, text, _ := strings.Cut(request.URL.Query().Get("tx"), ".")
		number, err := strconv.Atoi(text)
		if err != nil {
			http.Error(w, "this is no transaction of the test", http.StatusBadRequest)
			return
		}
		if gone := r.came(key, number); gone != nil {
			select {
			case <-gone:
			case <-request.Context().Done():
				return
			}
		}
		if status := r.answer(key, number); status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
		next.ServeHTTP(w, request)
	})
}

// came notes that a request has come. One that is to hang does so until the
// channel is closed.
func (r *groups) came(key string, number int) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.times[fmt.Sprint(key, ".", number)]++
	if number > r.ended[key] {
		r.wrong = append(r.wrong, fmt.Sprintf("%s.%d came when %d of its group had ended", key, number, r.ended[key]))
	}
	if r.times[fmt.Sprint(key, ".", number)] > 1 || !r.hangs(key, number) {
		return nil
	}
	r.stands++
	return r.gone
}

// answer decides what a request is answered, and notes what has ended with that.
func (r *groups) answer(key string, number int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	times := r.times[fmt.Sprint(key, ".", number)]
	status := r.status(key, number, times)
	if number == r.ended[key] && (status == http.StatusOK || times >= r.mayFail) {
		r.ended[key]++
	}
	return status
}

func (r *groups) inProgress() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stands
}

// through is how many of a key have ended.
func (r *groups) through(key string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended[key]
}

func (r *groups) outOfOrder() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.wrong)
}

func (r *groups) check(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.wrong) > 0 {
		t.Errorf("%d requests came out of order, such as %s", len(r.wrong), r.wrong[0])
	}
}

// inGroup is an event of a key, which is its user.
func inGroup(key string, number int) client.Event {
	transaction := fmt.Sprintf("%s.%d", key, number)
	data, _ := json.Marshal(map[string]string{"tx": transaction, "uid": key})
	return client.Event{ID: "event-" + transaction, Type: "conversion.completed", Publisher: "pub_1", Data: data}
}

// send has an event accepted and returns its deliveries.
func send(t *testing.T, s *server, one client.Event) []client.AcceptedDelivery {
	t.Helper()
	accepted, err := s.SendEvent(t.Context(), one)
	if err != nil {
		t.Fatalf("send %s: %v", one.ID, err)
	}
	return accepted.Deliveries
}

// newOrdered makes an endpoint whose deliveries go one after another by user, at a
// receiver that fails now and then, and one of the same events without order.
func newOrdered(t *testing.T, s *server, hangsAt int) (*groups, *receiver) {
	t.Helper()
	ordered, plain := newReceiver(t, "besitos"), newReceiver(t, "besitos")
	r := &groups{ended: map[string]int{}, times: map[string]int{}, gone: make(chan struct{}), mayFail: 3}
	r.hangs = func(_ string, number int) bool { return number == hangsAt }
	r.status = func(key string, number, times int) int {
		if key == "k1" && number == 5 || (number+int(key[len(key)-1]))%7 == 3 && times == 1 {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	}
	ordered.Config.Handler = r.around(ordered)
	const soonAgain = postback.Duration(100 * time.Millisecond)
	made, err := s.CreateEndpoint(t.Context(), client.EndpointSpec{
		Publisher: "pub_1", Scheme: "besitos",
		EndpointSettings: postback.EndpointSettings{
			URL: ordered.URL + "/postback", OrderBy: "uid",
			Retry: postback.RetryPolicy{Schedule: []postback.Duration{soonAgain, soonAgain}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ordered.mu.Lock()
	ordered.secrets = []string{made.Secret}
	ordered.mu.Unlock()
	register(t, s, plain)
	return r, plain
}

// Guarantee: deliveries with the same value go one after another in the order of
// acceptance, each when the one before has ended, whichever process accepted it,
// through retries, a dead letter, a worker that is killed with attempts under way
// and a Redis that is wiped at the same moment; and endpoints without order wait
// for none of them.
func TestOrderHoldsThroughKill9(t *testing.T) {
	t.Parallel()
	const keys, each, hangsAt = 8, 30, 10
	f := newFleet(t)
	apis := []*server{f.start("api"), f.start("api")}
	r, plain := newOrdered(t, apis[0], hangsAt)
	doomed := f.start("worker")
	f.start("worker")
	warm := 0
	eventually(t, soon, "the endpoints to be known", func() bool {
		warm++
		return len(send(t, apis[1], inGroup(fmt.Sprintf("warm%d", warm), 0))) == 2
	})

	// The first ones come in one call, the others one by one, from either API.
	const first = 5
	var batch []client.Event
	for number := range first {
		for key := range keys {
			batch = append(batch, inGroup(fmt.Sprintf("k%d", key), number))
		}
	}
	if _, err := apis[1].SendBatch(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for key := range keys {
		group.Go(func() {
			for number := first; number < each; number++ {
				if _, err := apis[(key+number)%2].SendEvent(t.Context(), inGroup(fmt.Sprintf("k%d", key), number)); err != nil {
					t.Errorf("send: %v", err)
				}
			}
		})
	}
	eventually(t, soon, "each group to have an attempt under way", func() bool { return r.inProgress() == keys })
	doomed.kill()
	// What the dead worker had would be its own for the time of its lease.
	if err := f.redis.Client().FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	close(r.gone)
	f.start("worker")
	group.Wait()

	eventually(t, soon, "every group to be through, or one to be out of order", func() bool {
		if r.outOfOrder() > 0 {
			return true
		}
		for key := range keys {
			if r.through(fmt.Sprintf("k%d", key)) < each {
				return false
			}
		}
		return true
	})
	r.check(t)
	states := settled(t, apis[0], soon)
	if states["dead"] != 1 || states["succeeded"] < 2*keys*each-1 {
		t.Errorf("deliveries by state: %v, want one that is dead", states)
	}
	checkBeside(t, apis, r, plain, each)
}

// checkBeside holds a group, and checks what goes on beside it.
func checkBeside(t *testing.T, apis []*server, r *groups, plain *receiver, number int) {
	t.Helper()
	r.mu.Lock()
	r.gone = make(chan struct{})
	r.hangs = func(key string, at int) bool { return key == "k0" && at == number }
	r.mu.Unlock()
	came, _ := plain.seen()
	send(t, apis[0], inGroup("k0", number))
	waits := send(t, apis[1], inGroup("k0", number+1))
	send(t, apis[0], inGroup("k1", number))
	plain.waitFor(t, came+3, soon)
	eventually(t, soon, "the other group to go on", func() bool { return r.through("k1") == number+1 })
	ordered := 0
	for _, delivery := range waits {
		now, err := apis[0].GetDelivery(t.Context(), delivery.ID)
		if err != nil {
			t.Fatal(err)
		}
		if now.State == postback.Parked && now.Reason == postback.ReasonOrdered {
			ordered++
		}
	}
	if ordered != 1 {
		t.Errorf("%d deliveries of the event behind the one that stands are ordered", ordered)
	}
	close(r.gone)
	eventually(t, soon, "the held group to go on", func() bool { return r.through("k0") == number+2 })
	r.check(t)
}
