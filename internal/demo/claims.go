package demo

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// claim is something that the demo says of this run. It holds when flaw is
// empty; else flaw says what was seen instead.
type claim struct {
	text string
	flaw string
}

// claims judges everything that the demo says.
func (e evidence) claims() []claim {
	return []claim{
		e.allDelivered(), e.allSigned(), e.forgeriesRefused(), e.nothingTwice(),
		e.repeatRecognised(), e.changeRefused(), e.retried(), e.nobodyDelayed(),
		e.deadLetterKept(), e.replayKept(), e.rotationHeld(), e.booksAgree(), e.secretsKept(),
	}
}

// hold makes a claim that holds when ok; the rest says what was seen.
func hold(text string, ok bool, format string, seen ...any) claim {
	if ok {
		return claim{text: text}
	}
	return claim{text: text, flaw: fmt.Sprintf(format, seen...)}
}

func (e evidence) allDelivered() claim {
	delivered, expected := 0, 0
	for _, accepted := range e.accepted {
		for _, one := range accepted.Deliveries {
			expected++
			detail := e.delivery(one.ID)
			seen := statuses(e.seen(detail.Delivery))
			if detail.State == postback.Succeeded && slices.Contains(seen, http.StatusOK) {
				delivered++
			}
		}
	}
	text := fmt.Sprintf("every accepted event arrived: %d events, %d deliveries, %d answered 200", len(e.accepted), expected, delivered)
	ok := delivered == expected && expected > 0 && len(e.events) == len(e.accepted) && len(e.deliveries) == expected
	return hold(text, ok, "%d did not arrive; the ledger has %d events and %d deliveries", expected-delivered, len(e.events), len(e.deliveries))
}

func (e evidence) allSigned() claim {
	f := e.figures()
	text := fmt.Sprintf("every request's signature held at its receiver: %d of %d", f.receipts-f.refused, f.receipts)
	return hold(text, f.refused == 0 && f.receipts > 0, "%d did not", f.refused)
}

func (e evidence) forgeriesRefused() claim {
	const wanted = 3
	seen := e.forgeries
	ok := len(seen) == wanted && !slices.ContainsFunc(seen, func(status int) bool { return status != http.StatusForbidden })
	return hold(fmt.Sprintf("the receivers refused all %d forged requests", wanted), ok, "they were answered %v", seen)
}

func (e evidence) nothingTwice() claim {
	repeats := e.repeats()
	return hold("no receiver got again what it had accepted", repeats == 0, "that happened %d times", repeats)
}

func (e evidence) repeatRecognised() claim {
	seen := e.received(besitos, e.repeated)
	first := e.accepted[0]
	ok := e.repeat.Duplicate && !first.Duplicate && len(seen) == 1 &&
		len(e.repeat.Deliveries) == 1 && len(first.Deliveries) == 1 && e.repeat.Deliveries[0].ID == first.Deliveries[0].ID
	return hold("an event sent again was recognised and delivered once", ok,
		"duplicate %t, received %d times", e.repeat.Duplicate, len(seen))
}

func (e evidence) changeRefused() claim {
	const text = "the same id with other content was refused with 409"
	if e.conflict == nil {
		return claim{text, "it was accepted"}
	}
	ok := e.conflict.Status == http.StatusConflict && e.conflict.Code == postback.CodeConflict
	return hold(text, ok, "the answer was %d %s", e.conflict.Status, e.conflict.Code)
}

func (e evidence) retried() claim {
	seen := e.received(flaky, e.flakyTx)
	got := statuses(seen)
	ok := slices.Equal(got, []int{500, 500, 200})
	gaps := gapsOf(seen)
	for i, gap := range gaps {
		// A millisecond is lost where the ledger keeps times.
		ok = ok && gap >= delays()[min(i, len(delays())-1)]-10*time.Millisecond
	}
	return hold("the failing receiver was tried again, after 1 s and 2 s, until it answered 200", ok,
		"it answered %v, the requests were %v apart", got, gaps)
}

func gapsOf(entries []receipt) []time.Duration {
	var gaps []time.Duration
	for i := 1; i < len(entries); i++ {
		gaps = append(gaps, entries[i].at.Sub(entries[i-1].at).Round(time.Millisecond))
	}
	return gaps
}

func (e evidence) nobodyDelayed() claim {
	text := fmt.Sprintf("while one receiver was down, %d deliveries to others were complete before it was auto-disabled", len(e.bystanders))
	late := 0
	for _, id := range e.bystanders {
		detail := e.delivery(id)
		if detail.State != postback.Succeeded || !detail.CompletedAt.Before(e.dead.CompletedAt.Time) {
			late++
		}
	}
	return hold(text, late == 0 && len(e.bystanders) > 0, "%d were not", late)
}

func (e evidence) deadLetterKept() claim {
	tries := len(delays()) + 1
	text := fmt.Sprintf("after %d failed attempts the delivery was a dead letter, with its reason and what was signed", tries)
	signed := len(e.dead.Attempts) > 0
	for _, attempt := range e.dead.Attempts {
		signed = signed && attempt.Request.StringToSign != ""
	}
	ok := e.dead.State == postback.Dead && e.dead.Reason == postback.ReasonExhausted && len(e.dead.Attempts) == tries && signed
	return hold(text, ok, "it is %s (%s) after %d attempts", e.dead.State, e.dead.Reason, len(e.dead.Attempts))
}

// replayKept compares the message ids that the receiver saw, not only ours.
func (e evidence) replayKept() claim {
	const text = "the replay arrived with the same message id; the history kept the attempts before it"
	d, before := e.replayed, e.dead.Attempts
	ids := []string{d.MessageID, e.dead.MessageID}
	for _, entry := range e.seen(d.Delivery) {
		ids = append(ids, entry.messageID)
	}
	same := len(slices.Compact(slices.Clone(ids))) == 1 && d.MessageID != ""
	grown := len(before) > 0 && len(d.Attempts) == len(before)+1 && len(ids) == 2+len(d.Attempts)
	if !grown {
		return claim{text, fmt.Sprintf("%d attempts before it, %d after it, %d received", len(before), len(d.Attempts), len(ids)-2)}
	}
	last := d.Attempts[len(d.Attempts)-1]
	for i := range before {
		grown = grown && before[i].StartedAt.Equal(d.Attempts[i].StartedAt.Time) && before[i].StatusCode == d.Attempts[i].StatusCode
	}
	ok := same && grown && d.State == postback.Succeeded && last.Trigger == postback.TriggerReplay
	return hold(text, ok, "it is %s, last trigger %s, message ids %v", d.State, last.Trigger, ids)
}

func (e evidence) rotationHeld() claim {
	seen := e.received(bitlabs, e.rotatedTx)
	ok := len(seen) == 1 && seen[0].rotated && seen[0].signature == nil && seen[0].oldSecret != nil
	return hold("after the rotation the signature held with the new secret and no longer with the old", ok,
		"it was received %d times, answered %v", len(seen), statuses(seen))
}

// booksAgree compares each attempt in the ledger with what its receiver saw.
func (e evidence) booksAgree() claim {
	attempts, differ := 0, 0
	for _, detail := range e.deliveries {
		answers := make([]int, 0, len(detail.Attempts))
		for _, attempt := range detail.Attempts {
			answers = append(answers, attempt.StatusCode)
		}
		attempts += len(answers)
		if !slices.Equal(answers, statuses(e.seen(detail.Delivery))) {
			differ++
		}
	}
	text := fmt.Sprintf("the ledger and the receivers agree on all %d attempts and their answers", attempts)
	return hold(text, differ == 0 && attempts > 0 && attempts == len(e.receipts), "they differ on %d deliveries; %d requests were received", differ, len(e.receipts))
}
