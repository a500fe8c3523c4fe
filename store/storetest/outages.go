package storetest

import (
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
)

func outageTests() []test {
	return []test{
		{"are reported when the first process is in one and when the last is out", outageReported},
		{"of several processes at once are reported once", outageTogether},
		{"come again", outageAgain},
	}
}

func outageOf(process string, since time.Duration, deliveries, endpoints int) postback.Outage {
	return postback.Outage{
		Process: process, Reason: "egress_resolver_down", Message: "cannot resolve, says " + process,
		Since: After(since), At: After(since + time.Second), Deliveries: deliveries, Endpoints: endpoints,
	}
}

// expectOutages checks which processes are in the outage.
func (k kit) expectOutages(want ...postback.Outage) {
	k.Helper()
	found, err := k.Outages(k.ctx())
	k.must(err)
	same(k, "outages", found, want)
}

func outageReported(k kit) {
	k.expectOutages()
	k.must(k.EndOutage(k.ctx(), "a", Noon()))
	same(k, "notices of none", len(k.notices()), 0)

	first, second := outageOf("b", 0, 3, 2), outageOf("a", time.Second, 40, 5)
	k.must(k.NoteOutage(k.ctx(), first))
	down := postback.Notice{Type: postback.NoticeDown, At: first.At, Since: first.Since, Outage: &first}
	same(k, "notices", k.notices(), []postback.Notice{down})
	k.must(k.NoteOutage(k.ctx(), second))
	first.At, first.Deliveries, first.Endpoints, first.Reason = After(time.Minute), 30, 7, "egress_proxy"
	k.must(k.NoteOutage(k.ctx(), first))
	k.expectOutages(second, first)
	same(k, "notices of more of it", len(k.notices()), 1)

	k.must(k.EndOutage(k.ctx(), "b", After(2*time.Minute)))
	k.must(k.EndOutage(k.ctx(), "b", After(2*time.Minute)))
	k.expectOutages(second)
	same(k, "notices while a process is in it", len(k.notices()), 1)
	k.must(k.EndOutage(k.ctx(), "a", After(3*time.Minute)))
	k.expectOutages()
	all := k.notices()
	same(k, "number of notices", len(all), 2)
	same(k, "the end", all[1], postback.Notice{
		Type: postback.NoticeUp, At: After(3 * time.Minute), Since: Noon(),
		Outage: &postback.Outage{
			Process: "b", Reason: "egress_proxy", Message: first.Message, Since: Noon(), At: After(3 * time.Minute), Deliveries: 40, Endpoints: 7,
		},
	})
}

func outageTogether(k kit) {
	together(callers, func(i int) {
		process := fmt.Sprintf("process-%02d", i)
		for range 3 {
			if err := k.NoteOutage(k.ctx(), outageOf(process, time.Duration(i)*time.Second, 1, 1)); err != nil {
				k.Errorf("note: %v", err)
			}
		}
	})
	found, err := k.Outages(k.ctx())
	k.must(err)
	same(k, "processes", len(found), callers)
	same(k, "number of notices", len(k.notices()), 1)
	together(callers, func(i int) {
		for range 3 {
			if err := k.EndOutage(k.ctx(), fmt.Sprintf("process-%02d", i), After(time.Hour)); err != nil {
				k.Errorf("end: %v", err)
			}
		}
	})
	k.expectOutages()
	all := k.notices()
	same(k, "number of notices at the end", len(all), 2)
	same(k, "the end", all[1].Type, postback.NoticeUp)
	same(k, "since", all[1].Since, Noon())
}

func outageAgain(k kit) {
	for i := range 2 {
		k.must(k.NoteOutage(k.ctx(), outageOf("a", time.Duration(i)*time.Hour, 1, 1)))
		k.must(k.EndOutage(k.ctx(), "a", After(time.Duration(i)*time.Hour+time.Minute)))
	}
	same(k, "number of notices", len(k.notices()), 4)
}
