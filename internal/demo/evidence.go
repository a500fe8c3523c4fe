package demo

import (
	"net/http"
	"slices"
	"time"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// evidence is what the claims are judged by: what the API answered and what
// the receivers saw.
type evidence struct {
	notes

	events     []client.StoredEvent
	deliveries []client.DeliveryDetail
	receipts   []receipt // without the forged requests
	cast       cast
	engine     *engine
}

// received is what a receiver saw of a transaction, in order.
func (e evidence) received(receiver, transaction string) []receipt {
	var found []receipt
	for _, entry := range e.receipts {
		if entry.receiver == receiver && entry.transaction == transaction {
			found = append(found, entry)
		}
	}
	return found
}

// seen is what the receivers saw of a delivery, in order.
func (e evidence) seen(delivery client.Delivery) []receipt {
	return e.received(e.cast.behind(delivery.EndpointID), delivery.EventID)
}

func statuses(entries []receipt) []int {
	codes := make([]int, 0, len(entries))
	for _, entry := range entries {
		codes = append(codes, entry.status)
	}
	return codes
}

func (e evidence) delivery(id string) client.DeliveryDetail {
	for _, detail := range e.deliveries {
		if detail.ID == id {
			return detail
		}
	}
	return client.DeliveryDetail{}
}

// figures are the numbers of the summary.
type figures struct {
	events, deliveries, attempts      int
	atOnce, afterRetries, afterReplay int
	deadLetters, stillDead            int
	receipts, refused                 int
	median                            time.Duration // from accepted_at to the arrival of a first attempt
}

func (e evidence) figures() figures {
	f := figures{
		events: len(e.events), deliveries: len(e.deliveries),
		receipts: len(e.receipts),
	}
	for _, detail := range e.deliveries {
		f.attempts += len(detail.Attempts)
		succeeded := detail.State == postback.Succeeded
		switch {
		case succeeded && detail.Generation > 1:
			f.afterReplay++
		case succeeded && len(detail.Attempts) > 1:
			f.afterRetries++
		case succeeded:
			f.atOnce++
		case detail.State == postback.Dead:
			f.stillDead++
		}
		if detail.State == postback.Dead || detail.Generation > 1 {
			f.deadLetters++
		}
	}
	for _, entry := range e.receipts {
		if entry.signature != nil {
			f.refused++
		}
	}
	f.median = e.median()
	return f
}

// repeats counts how often a receiver got what it had accepted already.
func (e evidence) repeats() int {
	accepted, repeats := map[transaction]bool{}, 0
	for _, entry := range e.receipts {
		key := transaction{entry.receiver, entry.transaction}
		if accepted[key] {
			repeats++
		}
		accepted[key] = accepted[key] || entry.status == http.StatusOK
	}
	return repeats
}

// median is the middle of the times from the acceptance of an event, which the
// API gives in milliseconds, to the arrival of its first attempt.
func (e evidence) median() time.Duration {
	accepted := map[string]time.Time{}
	for _, event := range e.events {
		accepted[event.ID] = event.AcceptedAt.Time
	}
	var times []time.Duration
	for _, entry := range e.receipts {
		if at, known := accepted[entry.transaction]; known && entry.number == 1 {
			times = append(times, entry.at.Sub(at))
		}
	}
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[len(times)/2]
}
