package schemes_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/internal/schemes"
	"github.com/waybillhq/waybill/postback"
)

// What each network calls a transaction. The styles, which are no networks,
// leave the data's form to the sender.
func TestReferencesOfTheShippedSchemes(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"adgem": "data.conversion_id", "adgem-get": "transaction_id", "adjoe": "trans_uuid", "ayet-studios": "transaction_id", "besitos": "transaction_id",
		"bitlabs": "tx", "cpx-research": "trans_id", "cryptomus": "uuid", "lootably": "transactionID", "nowpayments": "payment_id",
		"pollfish": "tx_id", "simpleswap": "publicId", "tapjoy": "id", "theorem-reach": "tx_id",
		"wannads": "transId", "bitswall": "transId", "bitcotasks": "transId", "offeroc": "transId", "walloffer": "transId", "offertoro": "conversion_id", "offerdaddy": "transaction_id", "timewall": "transactionID",
		"sparkwall": "transaction_id", "super-rewards": "id", "fyber": "_trans_id_", "notik": "txn_id", "inbrain": "RewardId", "oxapay": "track_id", "btcpay": "invoiceId", "coinbase-commerce": "event.id",
		"razorpay": "payload.payment.entity.id", "paystack": "data.reference", "dv-net": "transactions.tx_id", "paddle-billing": "data.id", "cryptopay": "data.id", "dub": "id",
		"github-style": "", "shopify-style": "", "stripe-style": "", "standard-webhooks": "",
	}
	catalogue := load(t)
	for _, name := range catalogue.Names() {
		definition, err := catalogue.Define(name)
		if err != nil {
			t.Fatal(err)
		}
		field, known := want[name]
		if got := definition.Declaration().Reference; got != field || !known {
			t.Errorf("%s: the reference is %q, want %q", name, got, field)
		}
		if field == "" {
			field = "transaction_id"
		}
		data := `{"` + strings.ReplaceAll(field, ".", `":{"`) + `":"tx-1"}` + strings.Repeat("}", strings.Count(field, "."))
		if got := definition.Reference(json.RawMessage(data)); got != "tx-1" {
			t.Errorf("%s finds %q in %s", name, got, field)
		}
	}
}

func TestReferencesFitTheLedger(t *testing.T) {
	t.Parallel()
	definition, err := load(t).Define("bitlabs")
	if err != nil {
		t.Fatal(err)
	}
	for length, want := range map[int]int{postback.MaxReference: postback.MaxReference, postback.MaxReference + 1: 0} {
		data := json.RawMessage(`{"tx":"` + strings.Repeat("x", length) + `"}`)
		if got := len(definition.Reference(data)); got != want {
			t.Errorf("of %d bytes %d are kept, want %d", length, got, want)
		}
	}
}

func TestADeclaredReference(t *testing.T) {
	t.Parallel()
	declared, err := schemes.Parse("acme.yaml", []byte("reference: text"+acme))
	if err != nil {
		t.Fatal(err)
	}
	if got := declared.Reference(json.RawMessage(`{"text":"tx-1"}`)); got != "tx-1" {
		t.Errorf("got %q", got)
	}
	for reference, want := range map[string]string{
		"tx":   `acme.yaml:1: reference: "tx" is in none of the examples`,
		"list": `acme.yaml:1: reference: "list" is in none of the examples`,
		"7":    `acme.yaml:1: reference: must be a string`,
		"[id]": `acme.yaml:1: reference: must be a string`,
	} {
		if _, err := schemes.Parse("acme.yaml", []byte("reference: "+reference+acme)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("reference: %s: got %v, want %s", reference, err, want)
		}
	}
}
