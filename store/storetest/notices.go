package storetest

import (
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

func noticeTests() []test {
	return []test{
		{"report a circuit that opens and closes", noticeCircuit},
		{"report an endpoint that is disabled", noticeDisabled},
		{"keep pace with an endpoint that comes and goes", noticePace},
		{"drop what is not true any more", noticeDropped},
		{"count dead letters", noticeDead},
		{"count each dead letter once", noticeDeadOnce},
		{"count no other delivery", noticeNotDead},
		{"count dead letters of the same time", noticeDeadTogether},
		{"are forgotten once", noticeForgotten},
	}
}

// notices are the alerts that were not sent yet, without the ids, which are checked.
func (k kit) notices() []postback.Notice {
	k.Helper()
	found, err := k.Notices(k.ctx(), After(24*time.Hour), 1000)
	k.must(err)
	form, seen := regexp.MustCompile(`^op_[0-9a-f]{32}$`), map[string]bool{}
	for i := range found {
		if id := found[i].ID; !form.MatchString(id) || seen[id] {
			k.Fatalf("the id of a notice is %q", id)
		}
		seen[found[i].ID] = true
		found[i].ID = ""
	}
	return found
}

func noticeCircuit(k kit) {
	same(k, "notices", len(k.notices()), 0)
	k.note("ep_1", Noon(), 3, "timeout")
	same(k, "notices of a failure streak", len(k.notices()), 0)
	_, _, err := k.Recover(k.ctx(), "ep_1", After(time.Second))
	k.must(err)
	same(k, "notices of its end", len(k.notices()), 0)

	k.open("ep_1")
	_, err = k.OpenCircuit(k.ctx(), "ep_1", After(time.Minute), After(time.Hour))
	k.must(err)
	failing := postback.Notice{
		Type: postback.NoticeFailing, EndpointID: "ep_1", At: After(time.Second), Since: Noon(), Count: 10, LastError: "timeout",
	}
	same(k, "notices", k.notices(), []postback.Notice{failing})
	k.note("ep_1", Noon(), 2, "dns")
	for range 2 {
		_, _, err = k.Recover(k.ctx(), "ep_1", After(time.Hour))
		k.must(err)
	}
	recovered := failing
	recovered.Type, recovered.At, recovered.Count, recovered.LastError = postback.NoticeRecovered, After(time.Hour), 12, "dns"
	same(k, "notices", k.notices(), []postback.Notice{failing, recovered})
	first, err := k.Notices(k.ctx(), After(time.Hour), 1)
	k.must(err)
	same(k, "the first notice", len(first) == 1 && first[0].Type == postback.NoticeFailing, true)
}

func noticeDisabled(k kit) {
	saved, err := k.SaveEndpoint(k.ctx(), Endpoint("ep_1"))
	k.must(err)
	k.note("ep_1", Noon(), 20, "timeout")
	save := func(state postback.EndpointState, reason string, at time.Time) {
		saved.State, saved.DisabledReason, saved.DisabledAt, saved.UpdatedAt = state, reason, at, After(time.Hour)
		saved, err = k.SaveEndpoint(k.ctx(), saved)
		k.must(err)
	}
	save(postback.EndpointPaused, "", time.Time{})
	same(k, "notices of a pause", len(k.notices()), 0)
	save(postback.EndpointDisabled, postback.DisabledFailing, After(time.Hour))
	want := []postback.Notice{{
		Type: postback.NoticeDisabled, EndpointID: "ep_1", At: After(time.Hour), Reason: postback.DisabledFailing,
		Since: Noon(), Count: 20, LastError: "timeout",
	}}
	same(k, "notices", k.notices(), want)
	saved.Description = "changed"
	save(postback.EndpointDisabled, postback.DisabledFailing, After(time.Hour))
	stale := saved
	stale.Revision--
	_, err = k.SaveEndpoint(k.ctx(), stale)
	k.fails(err, postback.CodeConflict)
	same(k, "notices after a change", k.notices(), want)

	save(postback.EndpointEnabled, "", time.Time{})
	save(postback.EndpointDisabled, postback.DisabledGone, After(2*time.Hour))
	want = append(want, postback.Notice{Type: postback.NoticeDisabled, EndpointID: "ep_1", At: After(2 * time.Hour), Reason: postback.DisabledGone})
	same(k, "notices", k.notices(), want)
}

// flap opens and closes an endpoint's circuit, in as many news.
func (k kit) flap(endpointID string, from time.Time, news int) (until time.Time) {
	k.Helper()
	for i := range news {
		from = from.Add(time.Second)
		if i%2 == 1 {
			_, _, err := k.Recover(k.ctx(), endpointID, from)
			k.must(err)
			continue
		}
		k.note(endpointID, from, 10, "timeout")
		opened, err := k.OpenCircuit(k.ctx(), endpointID, from, from.Add(time.Hour))
		k.must(err)
		same(k, "opened", opened, true)
	}
	return from
}

// sendNotices are the types of those that are due, which are forgotten then.
func (k kit) sendNotices(at time.Time) (types []string) {
	k.Helper()
	found, err := k.Notices(k.ctx(), at, 1000)
	k.must(err)
	for _, notice := range found {
		types = append(types, notice.EndpointID+" "+strings.TrimPrefix(notice.Type, "endpoint."))
		_, err := k.ForgetNotice(k.ctx(), notice.ID)
		k.must(err)
	}
	return types
}

func noticePace(k kit) {
	at := k.flap("ep_1", Noon(), 3)
	same(k, "first news", k.sendNotices(at), []string{"ep_1 failing", "ep_1 recovered", "ep_1 failing"})
	at = k.flap("ep_1", k.closed("ep_1", at), 24) // ends with a recovery
	same(k, "one more at once", k.sendNotices(at), []string{"ep_1 recovered"})
	at = k.flap("ep_2", at, 2)
	same(k, "of another endpoint", k.sendNotices(at), []string{"ep_2 failing", "ep_2 recovered"})

	turn := After(time.Second).Add(store.AlertEvery)
	same(k, "before its turn", len(k.sendNotices(turn.Add(-time.Microsecond))), 0)
	same(k, "the newest at its turn", k.sendNotices(turn), []string{"ep_1 recovered"})
	at = k.flap("ep_1", turn, 1)
	same(k, "right after it", len(k.sendNotices(at)), 0)
	same(k, "the next", k.sendNotices(turn.Add(store.AlertEvery)), []string{"ep_1 failing"})

	later := k.closed("ep_1", turn.Add(2*store.AlertEvery+store.AlertCredit))
	same(k, "after a quiet time", k.sendNotices(later), []string{"ep_1 recovered"})
	at = k.flap("ep_1", later, 2*store.AlertsAtOnce)
	same(k, "all at once again", len(k.sendNotices(at)), store.AlertsAtOnce-1)
}

// closed closes an endpoint's circuit.
func (k kit) closed(endpointID string, at time.Time) time.Time {
	k.Helper()
	_, ended, err := k.Recover(k.ctx(), endpointID, at)
	k.must(err)
	same(k, "its streak ended", ended, true)
	return at
}

// An alert waits for its turn, and the endpoint is enabled or deleted meanwhile.
func noticeDropped(k kit) {
	for id, state := range map[string]postback.EndpointState{"ep_1": postback.EndpointEnabled, "ep_2": postback.EndpointDeleted} {
		saved, err := k.SaveEndpoint(k.ctx(), Endpoint(id))
		k.must(err)
		at := k.flap(id, Noon(), 2*store.AlertsAtOnce)
		saved.State, saved.DisabledReason, saved.DisabledAt = postback.EndpointDisabled, postback.DisabledFailing, at
		saved, err = k.SaveEndpoint(k.ctx(), saved)
		k.must(err)
		saved.State, saved.DisabledReason, saved.DisabledAt, saved.UpdatedAt = state, "", time.Time{}, at
		_, err = k.SaveEndpoint(k.ctx(), saved)
		k.must(err)
		same(k, "those from before", len(k.sendNotices(at)), store.AlertsAtOnce)
		same(k, "those that waited", len(k.sendNotices(After(24*time.Hour))), 0)
	}
}

// deadLetter ends a new delivery of an endpoint as a dead letter.
func (k kit) deadLetter(endpointID string, reason postback.Reason, at time.Time) postback.Delivery {
	k.Helper()
	move := DeadLetter(k.accept(Event(NewID("evt", Noon())), endpointID)[0].Ref())
	move.Reason, move.At = reason, at
	return k.record(move)
}

func noticeDead(k kit) {
	var dead []string
	for i := range 6 {
		dead = append(dead, k.deadLetter("ep_1", postback.ReasonExhausted, After(time.Duration(i)*time.Second)).ID)
	}
	k.deadLetter("ep_1", postback.ReasonStopped, After(10*time.Second))
	k.parked("ep_2", postback.ReasonPaused, After(-time.Hour))
	k.parked("ep_2", postback.ReasonPaused, After(-time.Hour))
	expired, err := k.Expire(k.ctx(), "ep_2", Noon(), After(time.Minute), 10)
	k.must(err)
	same(k, "expired", expired, 2)

	k.must(k.SumDeadLetters(k.ctx(), Noon()))
	same(k, "notices before the first dead letter", len(k.notices()), 0)
	k.must(k.SumDeadLetters(k.ctx(), After(30*time.Second)))
	same(k, "notices", k.notices(), []postback.Notice{{
		Type: postback.NoticeDead, EndpointID: "ep_1", Since: Noon(), At: After(10 * time.Second), Count: 7,
		Dead: &postback.DeadSum{Reasons: map[postback.Reason]int{postback.ReasonExhausted: 6, postback.ReasonStopped: 1}, Deliveries: dead[:5]},
	}})
	k.must(k.SumDeadLetters(k.ctx(), After(time.Hour)))
	all := k.notices()
	same(k, "number of notices", len(all), 2)
	same(k, "named", len(all[1].Dead.Deliveries), 2)
	all[1].Dead.Deliveries = nil
	same(k, "notice", all[1], postback.Notice{
		Type: postback.NoticeDead, EndpointID: "ep_2", Since: After(time.Minute), At: After(time.Minute), Count: 2,
		Dead: &postback.DeadSum{Reasons: map[postback.Reason]int{postback.ReasonMaxAge: 2}},
	})
}

func noticeDeadOnce(k kit) {
	delivery := k.one()
	k.must(k.Record(k.ctx(), DeadLetter(delivery.Ref())))
	k.fails(k.Record(k.ctx(), DeadLetter(delivery.Ref())), postback.CodeConflict)
	for range 2 {
		k.must(k.SumDeadLetters(k.ctx(), After(time.Hour)))
		same(k, "number of notices", len(k.notices()), 1)
	}
	answers, err := k.Reopen(k.ctx(), []string{delivery.ID}, After(time.Hour), After(time.Hour))
	k.must(err)
	k.must(k.Record(k.ctx(), DeadLetter(answers[0].Due.Delivery.Ref())))
	k.must(k.SumDeadLetters(k.ctx(), After(time.Hour)))
	all := k.notices()
	same(k, "number of notices when it died again", len(all), 2)
	same(k, "dead letters", all[1].Count, 1)
}

func noticeNotDead(k kit) {
	for _, state := range postback.States() {
		if state != postback.Dead {
			k.in(state)
		}
	}
	example := Event("evt_example")
	example.Test = true
	k.record(DeadLetter(k.accept(example, "ep_1")[0].Ref()))
	k.must(k.SumDeadLetters(k.ctx(), After(time.Hour)))
	same(k, "number of notices", len(k.notices()), 0)
}

func noticeDeadTogether(k kit) {
	const each = 3
	together(callers, func(int) {
		for range each {
			answers, err := k.Accept(k.ctx(), []postback.Acceptance{Acceptance(Event(NewID("evt", Noon())), "ep_1")})
			if err == nil {
				err = k.Record(k.ctx(), DeadLetter(answers[0].Deliveries[0].Ref()))
			}
			if err != nil {
				k.Errorf("record a dead letter: %v", err)
				return
			}
		}
		if err := k.SumDeadLetters(k.ctx(), After(time.Hour)); err != nil {
			k.Errorf("sum up: %v", err)
		}
	})
	total := 0
	for _, notice := range k.notices() {
		total += notice.Count
	}
	same(k, "dead letters that were counted", total, callers*each)
}

func noticeForgotten(k kit) {
	k.open("ep_1")
	k.open("ep_2")
	found, err := k.Notices(k.ctx(), After(time.Hour), 10)
	k.must(err)
	var mu sync.Mutex
	won := 0
	together(10, func(int) {
		mine, err := k.ForgetNotice(k.ctx(), found[0].ID)
		if err != nil {
			k.Errorf("forget: %v", err)
		}
		mu.Lock()
		defer mu.Unlock()
		if mine {
			won++
		}
	})
	same(k, "number that forgot it", won, 1)
	left, err := k.Notices(k.ctx(), After(time.Hour), 10)
	k.must(err)
	same(k, "what is left", left, found[1:])
}
