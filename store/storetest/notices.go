package storetest

import (
	"regexp"
	"sync"
	"time"

	"github.com/waybillhq/waybill/postback"
)

func noticeTests() []test {
	return []test{
		{"report a circuit that opens and closes", noticeCircuit},
		{"report an endpoint that is disabled", noticeDisabled},
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
	found, err := k.Notices(k.ctx(), 1000)
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
	first, err := k.Notices(k.ctx(), 1)
	k.must(err)
	same(k, "the first notice", len(first) == 1 && first[0].Type == postback.NoticeFailing, true)
}

func noticeDisabled(k kit) {
	saved, err := k.SaveEndpoint(k.ctx(), Endpoint("ep_1"))
	k.must(err)
	k.note("ep_1", Noon(), 20, "timeout")
	save := func(state postback.EndpointState, reason string, at time.Time) {
		saved.State, saved.DisabledReason, saved.DisabledAt = state, reason, at
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
	found, err := k.Notices(k.ctx(), 10)
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
	left, err := k.Notices(k.ctx(), 10)
	k.must(err)
	same(k, "what is left", left, found[1:])
}
