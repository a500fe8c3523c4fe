package signer

import "github.com/waybillhq/waybill/signer/internal/declare"

// declareSimpleswap: a POST request whose JSON body is the data with messageId
// put first and verifyToken put last. verifyToken is the lowercase hex SHA-1 of
// "messageId_publicId_status_secret": a plain digest that covers those three
// members and nothing else of the body.
func declareSimpleswap() Declaration {
	return Declaration{
		Name:        nameSimpleswap,
		Description: "POST of JSON; verifyToken is the SHA-1 of messageId_publicId_status_secret.",
		Methods:     []string{"POST"},
		EventType:   "exchange.finished",
		Data:        Data{In: declare.InBody, Add: []Added{{Name: "messageId", Value: declare.PartMessageID, At: "first"}}},
		Fields: []Field{
			{Name: "publicId", Required: true, Type: "string"},
			{Name: "status", Required: true, Type: "string"},
		},
		Reference: "publicId",
		Supersede: true,
		Parts: []Part{
			{Part: declare.PartMessageID}, {Part: declare.PartField, Field: "publicId"}, {Part: declare.PartField, Field: "status"}, {Part: declare.PartSecret},
		},
		Joiner:    "_",
		Algorithm: "sha1",
		Place:     Place{In: declare.PlaceBody, Name: "verifyToken"},
		Secret:    Secret{Length: 32, Minimum: 12},
		Examples:  simpleswapExamples(),
	}
}

func simpleswapExamples() []EventExample {
	statuses := []string{"finished", "waiting", "confirming", "exchanging", "sending", "verifying", "failed", "refunded", "expired"}
	examples := make([]EventExample, len(statuses))
	for i, status := range statuses {
		examples[i] = EventExample{Types: []string{status}, Data: []byte(`{"publicId":"exchange_1001","status":"` + status + `","currencyFrom":"btc","currencyTo":"eth",` +
			`"amountFrom":"0.05000000","amountTo":"0.91840000","addressTo":"0x0000000000000000000000000000000000000001"}`)}
	}
	return examples
}
