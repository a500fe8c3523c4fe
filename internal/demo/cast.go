package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// The names of the receivers.
const (
	besitos    = "besitos"
	bitlabs    = "bitlabs"
	simpleswap = "simpleswap"
	flaky      = "flaky"
	down       = "down"
)

// flakyFailures is how many requests the flaky receiver answers 500.
const flakyFailures = 2

// delays are the demo's retry schedule: short, so that nobody waits for long.
func delays() []time.Duration { return []time.Duration{time.Second, 2 * time.Second} }

// part is what a receiver plays.
type part struct {
	name       string
	publisher  string
	scheme     string
	path       string   // of its URL, with the scheme's macros
	parameter  string   // the query parameter that identifies a conversion; none: the body does
	eventTypes []string // none: every type
	behaviour  string   // for people
}

// The third publisher has two endpoints, so that one event makes two deliveries.
func parts() []part {
	callback := "/callback?uid=[%UID%]&val=[%VALUE:CURRENCY%]&raw=[%VALUE:USD%]&tx=[%TX%]"
	return []part{
		{name: besitos, publisher: "pub_1", scheme: "besitos", path: "/postback", parameter: "transaction_id", behaviour: "works"},
		{name: bitlabs, publisher: "pub_2", scheme: "bitlabs", path: callback, parameter: "tx", behaviour: "works"},
		{name: simpleswap, publisher: "pub_3", scheme: "simpleswap", path: "/hook", behaviour: "works"},
		{name: down, publisher: "pub_3", scheme: "simpleswap", path: "/hook", eventTypes: []string{"exchange.refunded"}, behaviour: "is down: answers 503"},
		{name: flaky, publisher: "pub_4", scheme: "bitlabs", path: callback, parameter: "tx", behaviour: "fails twice, then recovers"},
	}
}

// cast is the receivers, in the order in which they are shown.
type cast []*receiver

// gather opens all receivers.
func gather(ctx context.Context, book *book, meddle func(*receiver)) (cast, error) {
	var all cast
	for _, part := range parts() {
		r := &receiver{part: part, book: book, down: part.name == down}
		if part.name == flaky {
			r.failures = flakyFailures
		}
		if meddle != nil {
			meddle(r)
		}
		if err := r.open(ctx); err != nil {
			return nil, errors.Join(err, all.close(ctx))
		}
		all = append(all, r)
	}
	return all, nil
}

func (c cast) close(ctx context.Context) error {
	var failed []error
	for _, r := range c {
		failed = append(failed, r.close(ctx))
	}
	return errors.Join(failed...)
}

// get is the receiver of that name.
func (c cast) get(name string) *receiver {
	for _, r := range c {
		if r.name == name {
			return r
		}
	}
	return &receiver{}
}

// behind is the name of the receiver that an endpoint leads to.
func (c cast) behind(endpoint string) string {
	for _, r := range c {
		if r.endpoint == endpoint {
			return r.name
		}
	}
	return ""
}

// spec asks for the receiver's endpoint.
func (r *receiver) spec() client.EndpointSpec {
	policy := postback.RetryPolicy{}
	for _, delay := range delays() {
		policy.Schedule = append(policy.Schedule, postback.Duration(delay))
	}
	return client.EndpointSpec{
		Publisher: r.publisher, Scheme: r.scheme,
		EndpointSettings: postback.EndpointSettings{
			URL: r.url + r.path, EventTypes: r.eventTypes,
			Retry: policy, Description: "demo: " + r.name,
		},
	}
}

// conversion is an event of an offerwall, such as the besitos and bitlabs
// schemes carry. Each network has its own names for the same things.
func conversion(r *receiver, id string) client.Event {
	format := `{"user_id":"user_1","transaction_id":%q,"offer_name":"Reach level 10","reward":150,"payout":1.50}`
	if r.scheme == bitlabs {
		format = `{"uid":"user_2","tx":%q,"type":"COMPLETE","val":500,"raw":0.50}`
	}
	return client.Event{
		ID: id, Type: "conversion.completed", Publisher: r.publisher,
		Data: json.RawMessage(fmt.Sprintf(format, id)),
	}
}

// exchange is an event of an exchange: it reached a status.
func exchange(r *receiver, id, status string) client.Event {
	const format = `{"publicId":%q,"status":%q,"currencyFrom":"btc","currencyTo":"eth","amountTo":"0.91840000"}`
	return client.Event{
		ID: id, Type: "exchange." + status, Publisher: r.publisher,
		Data: json.RawMessage(fmt.Sprintf(format, id, status)),
	}
}
