package signer

import (
	"encoding/json"
	"strings"
)

// exampleStandard is data as a sender of no network's form would write it.
func exampleStandard(eventType string) json.RawMessage {
	kind := eventKind(eventType)
	if strings.HasPrefix(eventType, "exchange.") {
		return json.RawMessage(`{"exchange_id":"exchange_1001","status":` + string(quote(nil, []byte(kind))) + `,"from":{"currency":"btc","amount":"0.05000000"},` +
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
