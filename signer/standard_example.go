package signer

import (
	"encoding/json"
	"strings"

	"github.com/waybillhq/waybill/signer/internal/jsontext"
)

// exampleStandard is data as a sender of no network's form would write it.
func exampleStandard(eventType string) json.RawMessage {
	if told, ok := operatorExamples()[eventType]; ok {
		return json.RawMessage(told)
	}
	kind := eventKind(eventType)
	if strings.HasPrefix(eventType, "exchange.") {
		return json.RawMessage(`{"exchange_id":"exchange_1001","status":` + string(jsontext.AppendQuoted(nil, []byte(kind))) + `,"from":{"currency":"btc","amount":"0.05000000"},` +
			`"to":{"currency":"eth","amount":"0.91840000","address":"0x0000000000000000000000000000000000000001"}}`)
	}
	amounts := `"reward":150,"payout":1.50`
	switch kind {
	case "reversed", "reconciled":
		amounts = `"reward":-150,"payout":-1.50`
	case "screenout", "start_bonus":
		amounts = `"reward":5,"payout":0.05`
	}
	return json.RawMessage(`{"user_id":"user_1","transaction_id":"tx_1001",` + amounts + `,"offer":{"id":"offer_7","name":"Reach level 10 & earn"}}`)
}

// operatorExamples are data of the events by which Waybill tells its operator
// what became of endpoints, deliveries and the way out.
func operatorExamples() map[string]string {
	const endpoint = `{"endpoint_id":"ep_0198c0de00007000800000000000ab12","publisher":"pub_1","host":"publisher.example.com",`
	const outage = `{"process":"worker-1/K7QXW2AB","reason":"egress_resolver_down","message":"cannot resolve publisher.example.com: the resolver does not answer",`
	return map[string]string{
		"endpoint.failing": endpoint + `"state":"enabled","at":"2026-01-31T12:00:05.250Z","since":"2026-01-31T12:00:00.000Z",` +
			`"failures":10,"last_error":"timeout"}`,
		"endpoint.recovered": endpoint + `"state":"enabled","at":"2026-01-31T12:10:30.500Z","since":"2026-01-31T12:00:00.000Z",` +
			`"failures":16,"last_error":"timeout"}`,
		"endpoint.disabled": endpoint + `"state":"disabled","reason":"failing","at":"2026-02-03T12:00:45.000Z","since":"2026-01-31T12:00:00.000Z",` +
			`"failures":874,"last_error":"timeout"}`,
		"endpoint.blocked": endpoint + `"cause":"secret_sealed","message":"the secret of endpoint ep_0198c0de00007000800000000000ab12 was sealed with key 2, ` +
			`which the keyring lacks; add that key to the keyring","at":"2026-02-03T12:00:45.000Z"}`,
		"events.unmatched": `{"count":42,"since":"2026-02-03T12:00:00.000Z","until":"2026-02-03T12:05:00.000Z","publishers":[` +
			`{"publisher":"pub_l","count":40,"endpoints":0,"events":["conv-42","conv-43"]},{"publisher":"pub_2","count":2,"endpoints":1,"events":["conv-57","conv-61"]}],"more_publishers":0}`,
		"egress.down":      outage + `"at":"2026-02-03T12:00:05.000Z","since":"2026-02-03T12:00:00.000Z","held_deliveries":12,"held_endpoints":8}`,
		"egress.recovered": outage + `"at":"2026-02-03T12:31:10.000Z","since":"2026-02-03T12:00:00.000Z","held_deliveries":4210,"held_endpoints":95}`,
		"deliveries.dead": endpoint + `"count":7,"reasons":{"attempts_exhausted":6,"stopped":1},"first_at":"2026-02-03T11:59:02.000Z",` +
			`"last_at":"2026-02-03T11:59:58.000Z","deliveries":["dlv_0198c0de00007000800000000000cd34","dlv_0198c0de00007000800000000000ef56"]}`,
	}
}
