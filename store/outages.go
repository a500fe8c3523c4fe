package store

import (
	"time"

	"github.com/waybillhq/waybill/postback"
)

// Began makes the notice that an outage began. Its id is the ledger's to give.
func Began(first postback.Outage) postback.Notice {
	return postback.Notice{Type: postback.NoticeDown, At: first.At, Since: first.Since, Outage: &first}
}

// Ended makes the notice that an outage ended at a time, of all the processes that
// were in it. Several that hold the same deliveries hold them in turns, so the
// most that one of them held is how many there were.
func Ended(all []postback.Outage, at time.Time) postback.Notice {
	whole := all[0]
	for _, one := range all[1:] {
		deliveries, endpoints := max(whole.Deliveries, one.Deliveries), max(whole.Endpoints, one.Endpoints)
		if one.Since.Before(whole.Since) {
			whole = one
		}
		whole.Deliveries, whole.Endpoints = deliveries, endpoints
	}
	whole.At = at
	return postback.Notice{Type: postback.NoticeUp, At: at, Since: whole.Since, Outage: &whole}
}
