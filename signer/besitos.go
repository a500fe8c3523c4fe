package signer

import "github.com/waybillhq/waybill/signer/internal/declare"

// declareBesitos: a GET request that carries the data as query parameters,
// sorted by name. The last one, verifier, is the lowercase hex HMAC-SHA256 of
// the URL without it. Publishers rebuild that URL from the decoded parameters,
// so only what survives PHP's parse_str and http_build_query (RFC 3986) is sent.
func declareBesitos() Declaration {
	return Declaration{
		Name:        nameBesitos,
		Description: "GET with the event's data as sorted parameters; verifier is the HMAC-SHA256 of the URL.",
		Methods:     []string{"GET"},
		Data:        Data{In: declare.InQuery, Order: declare.OrderSorted},
		Reference:   "transaction_id",
		Parts:       []Part{{Part: declare.PartURL}},
		Algorithm:   "hmac-sha256",
		Place:       Place{In: declare.PlaceQuery, Name: "verifier"},
		Secret:      Secret{Generate: declare.GenerateHex, Length: 32, Minimum: 16},
		// Five more tries is the network's promise; the last delay outlives a night.
		Backoff: &Backoff{Initial: "30s", Multiplier: 6, MaxInterval: "12h", MaxAttempts: 6, Jitter: 0.1},
		Warnings: []Lint{{
			When: declare.LintPort, Code: "port_in_url",
			Message: "receivers that follow the network's sample code rebuild the URL without its port {port}, and refuse the signature",
		}},
		Examples: besitosExamples(),
	}
}

// besitosExamples: an offer, its reversal under the same transaction, the
// screen-out of a survey, and a deal.
func besitosExamples() []EventExample {
	const offer = `{"user_id":"user_1","transaction_id":"tx_1001","reward":150,"payout":1.50,"reward_local_currency":1.50,` +
		`"offer_id":"offer_7","offer_name":"Reach level 10","goal_id":"goal_3","note":"Example & test"`
	return []EventExample{
		{Types: []string{"reversed", "reconciled"}, Data: []byte(offer + `,"reverse":1}`)},
		{Types: []string{"screenout"}, Data: []byte(`{"user_id":"user_1","transaction_id":"tx_1002","reward":5,"payout":0.05,` +
			`"reward_local_currency":0.05,"type":"survey","survey_id":"survey_42","note":"Screened out","info":"Example & test"}`)},
		{Types: []string{"start_bonus"}, Data: []byte(`{"user_id":"user_1","transaction_id":"tx_1003","reward":10,"payout":0.10,` +
			`"reward_local_currency":0.10,"type":"deal","deal_id":"deal_9","deal_name":"First order -50%","note":"Example & test"}`)},
		{Data: []byte(offer + `}`)},
	}
}
