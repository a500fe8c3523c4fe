package signer

import (
	"encoding/json"
	"strings"
)

func exampleBesitos(eventType string) json.RawMessage {
	text := `{"user_id":"user_1","transaction_id":"tx_1001","reward":150,"payout":1.50,` +
		`"reward_local_currency":1.50,"offer_id":"offer_7","offer_name":"Reach level 10","note":"Example & test"`
	if eventKind(eventType) == "reversed" {
		text += `,"reverse":1`
	}
	return json.RawMessage(text + `}`)
}

func exampleBitlabs(eventType string) json.RawMessage {
	details := `"val":150,"raw":1.50,"tx":"tx_1001","type":"COMPLETE","offer_state":"COMPLETED"`
	switch eventKind(eventType) {
	case "screenout":
		details = `"val":5,"raw":0.05,"tx":"tx_1001","type":"SCREENOUT","reason":"SCREENOUT"`
	case "start_bonus":
		details = `"val":1,"raw":0.01,"tx":"tx_1001","type":"START_BONUS"`
	case "pending":
		details = `"val":150,"raw":1.50,"tx":"tx_1001","type":"COMPLETE","offer_state":"PENDING"`
	case "reconciled", "reversed":
		details = `"val":-150,"raw":-1.50,"tx":"tx_1002","ref":"tx_1001","type":"RECONCILIATION","offer_state":"RECONCILED"`
	}
	return json.RawMessage(`{"uid":"user_1",` + details + `,"app":"app_1","ip":"198.51.100.7",` +
		`"offer_id":"offer_7","offer_name":"Reach level 10","task_id":"task_3","task_name":"Level 10"}`)
}

func exampleSimpleswap(eventType string) json.RawMessage {
	status := "finished"
	switch kind := eventKind(eventType); kind {
	case "waiting", "confirming", "exchanging", "sending", "verifying", "failed", "refunded", "expired":
		status = kind
	}
	return json.RawMessage(`{"publicId":"exchange_1001","status":"` + status + `","currencyFrom":"btc","currencyTo":"eth",` +
		`"amountFrom":"0.05000000","amountTo":"0.91840000","addressTo":"0x0000000000000000000000000000000000000001"}`)
}

// eventKind is the last part of an event's type: "completed" of
// "conversion.completed".
func eventKind(eventType string) string {
	return eventType[strings.LastIndexByte(eventType, '.')+1:]
}
