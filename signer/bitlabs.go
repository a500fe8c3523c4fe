package signer

import "github.com/waybillhq/waybill/signer/internal/declare"

// declareBitlabs: a GET request to a URL whose template holds macros in its
// path and in the values of its query. The last parameter, hash, is the
// lowercase hex HMAC-SHA1 of the whole URL before it. Static parts are sent as
// written; values are percent-encoded; data that no macro names is not sent.
func declareBitlabs() Declaration {
	return Declaration{
		Name:        nameBitlabs,
		Description: "GET to a URL with macros; hash is the HMAC-SHA1 of the URL.",
		Source:      "https://help.bitlabs.ai/integration/server-to-server-callbacks",
		Methods:     []string{"GET"},
		Data:        Data{In: declare.InURL, Macros: &Macros{Open: "[%", Close: "%]", Known: bitlabsMacros()}},
		Reference:   "tx",
		Supersede:   true,
		Parts:       []Part{{Part: declare.PartURL}},
		Algorithm:   "hmac-sha1",
		Place:       Place{In: declare.PlaceQuery, Name: "hash"},
		Secret:      Secret{Length: 29, Minimum: 16},
		Retry:       []string{"1s", "4s", "9s", "16s", "25s", "1m", "2m", "5m", "5m"},
		Warnings: []Lint{{
			When: declare.LintNoMacro, Macro: "TX", Code: "no_transaction",
			Message: "the URL has no [%TX%]: the publisher cannot tell a repeated delivery from a new conversion",
		}, {
			When: declare.LintValue, Holds: []string{" ", "~", "*"}, Code: "value_rewritten",
			Message: "receivers that take hash away with searchParams of JavaScript write a space, ~ or * otherwise, and refuse the signature: they must cut the URL at &hash=",
		}},
		Examples: bitlabsExamples(),
	}
}

// bitlabsMacros: what belongs to offers, bans or reconciliations alone is optional.
func bitlabsMacros() []Macro {
	return []Macro{
		{Name: "UID", Aliases: []string{"USER:UID"}, Field: "uid"},
		{Name: "VAL", Aliases: []string{"VALUE:CURRENCY"}, Field: "val"},
		{Name: "RAW", Aliases: []string{"VALUE:USD"}, Field: "raw"},
		{Name: "TX", Field: "tx"},
		{Name: "REF", Field: "ref", Optional: true},
		{Name: "TYPE", Aliases: []string{"ACTIVITY:TYPE"}, Field: "type"},
		{Name: "REASON", Aliases: []string{"SURVEY:REASON"}, Field: "reason", Optional: true},
		{Name: "APP", Field: "app"},
		{Name: "APP:TOKEN", Field: "app_token"},
		{Name: "IP", Aliases: []string{"USER:IP_ADDRESS"}, Field: "ip"},
		{Name: "FSCORE", Field: "fscore", Optional: true},
		{Name: "OFFER_ID", Aliases: []string{"OFFER:ID"}, Field: "offer_id", Optional: true},
		{Name: "OFFER_NAME", Aliases: []string{"OFFER:NAME"}, Field: "offer_name", Optional: true},
		{Name: "OFFER:TITLE", Field: "offer_title", Optional: true},
		{Name: "OFFER:DELAY", Field: "offer_delay", Optional: true},
		{Name: "OFFER_STATE", Aliases: []string{"OFFER:TASK:STATE"}, Field: "offer_state", Optional: true},
		{Name: "TASK_ID", Aliases: []string{"OFFER:TASK:ID"}, Field: "task_id", Optional: true},
		{Name: "TASK_NAME", Aliases: []string{"OFFER:TASK:NAME"}, Field: "task_name", Optional: true},
		{Name: "BAN_REASON", Field: "ban_reason", Optional: true},
		{Name: "BAN_STATE", Field: "ban_state", Optional: true},
	}
}

// bitlabsExamples: an offer with its states, which share a transaction, and a
// survey, whose reconciliation is a transaction of its own that refers to it.
func bitlabsExamples() []EventExample {
	const (
		offer = `"app":"app_1","app_token":"app_token_1","ip":"198.51.100.7","offer_id":"offer_7","offer_name":"Reach level 10",` +
			`"offer_title":"Level up & earn","task_id":"task_3","task_name":"Level 10"`
		survey = `"app":"app_1","app_token":"app_token_1","ip":"198.51.100.7"`
	)
	of := func(types []string, details, rest string) EventExample {
		return EventExample{Types: types, Data: []byte(`{"uid":"user_1",` + details + `,` + rest + `}`)}
	}
	return []EventExample{
		of([]string{"screenout"}, `"val":5,"raw":0.05,"tx":"tx_1002","type":"SCREENOUT","reason":"SCREENOUT"`, survey),
		of([]string{"start_bonus"}, `"val":1,"raw":0.01,"tx":"tx_1003","type":"START_BONUS"`, survey),
		of([]string{"pending"}, `"val":150,"raw":1.50,"tx":"tx_1001","type":"COMPLETE","offer_state":"PENDING"`, offer),
		of([]string{"reversed"}, `"val":-150,"raw":-1.50,"tx":"tx_1001","type":"RECONCILIATION","offer_state":"RECONCILED"`, offer),
		of([]string{"reconciled"}, `"val":-80,"raw":-0.80,"tx":"tx_1005","ref":"tx_1004","type":"RECONCILIATION"`, survey),
		of(nil, `"val":150,"raw":1.50,"tx":"tx_1001","type":"COMPLETE","offer_state":"COMPLETED"`, offer),
	}
}
