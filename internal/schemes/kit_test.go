package schemes_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/waybillhq/waybill/internal/schemes"
	"github.com/waybillhq/waybill/signer"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

const testID = "cf6fc203ba047a9ef14e02bba985e747"

func testTime() time.Time {
	return time.Unix(1_700_000_000, 0).UTC()
}

// failer is what testing.T and rapid.T have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func load(t failer, dirs ...string) *schemes.Catalogue {
	t.Helper()
	catalogue, err := schemes.Load(dirs...)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return catalogue
}

// target is a URL that holds what the scheme signs.
func target(scheme string) string {
	switch scheme {
	case "bitlabs":
		return "https://example.com/a?reason=[%REASON%]&tx=[%TX%]&uid=[%UID%]"
	case "ayet-studios":
		return "https://example.com/a?z=1+2&transaction_id={transaction_id}&offer_name={offer_name}&custom_1={custom_1}&a=1"
	case "cpx-research":
		return "https://example.com/a?secure_hash={secure_hash}&trans_id={trans_id}&user_id={user_id}"
	case "lootably":
		return "https://example.com/a?userID={userID}&ip={ip}&revenue={revenue}&currencyReward={currencyReward}&hash={hash}&transactionID={transactionID}"
	case "adjoe":
		return "https://example.com/a?sid={sid}&trans_uuid={trans_uuid}&user_uuid={user_uuid}&currency={currency}&coin_amount={coin_amount}&device_id={device_id}&sdk_app_id={sdk_app_id}"
	case "pollfish":
		return "https://example.com/a?tx_id=[[tx_id]]&signature=[[signature]]&cpa=[[cpa]]&device_id=[[device_id]]&source=example"
	case "wannads", "bitswall", "bitcotasks", "offeroc", "walloffer":
		return "https://example.com/a?subId={subId}&transId={transId}&reward={reward}&status={status}&signature={signature}"
	case "offertoro":
		return "https://example.com/a?oid={oid}&user_id={user_id}&amount={amount}&conversion_id={conversion_id}&sig={sig}"
	case "offerdaddy":
		return "https://example.com/a?transaction_id={transaction_id}&offer_id={offer_id}&amount={amount}&signature={signature}"
	case "timewall":
		return "https://example.com/a?userID={userID}&transactionID={transactionID}&revenue={revenue}&hash={hash}"
	case "sparkwall":
		return "https://example.com/a?user_id={user_id}&transaction_id={transaction_id}&payout={payout}&signature={signature}"
	case "fyber":
		return "https://example.com/a?uid={uid}&amount={amount}&_trans_id_={_trans_id_}&pub0={pub0}&pub3={pub3}&sid={sid}"
	case "notik":
		return "https://example.com/a?amount={amount}&offer_name={offer_name}&txn_id={txn_id}&user_id={user_id}"
	case "adgem-get":
		return "https://example.com/a?player_id={player_id}&transaction_id={transaction_id}"
	case "tapjoy", "theorem-reach", "super-rewards":
		return "https://example.com/a?own=x"
	default:
		return "https://example.com/a"
	}
}

// signedNames are members that the scheme signs, or whose parameters it does.
func signedNames(scheme string) []string {
	switch scheme {
	case "besitos":
		return []string{"user_id", "note"}
	case "bitlabs":
		return []string{"uid", "tx", "reason"}
	case "ayet-studios":
		return []string{"transaction_id", "offer_name", "custom_1"}
	case "cpx-research":
		return []string{"trans_id"}
	case "lootably":
		return []string{"userID", "ip", "revenue", "currencyReward"}
	case "adjoe":
		return []string{"trans_uuid", "user_uuid", "currency", "device_id", "sdk_app_id"}
	case "pollfish":
		return []string{"tx_id", "device_id"}
	case "tapjoy":
		return []string{"id", "snuid", "currency"}
	case "theorem-reach":
		return []string{"user_id", "tx_id", "note"}
	case "simpleswap":
		return []string{"publicId", "status"}
	case "nowpayments":
		return []string{"payment_id", "payment_status", "z", "a"}
	case "cryptomus":
		return []string{"uuid", "status", "note", "additional_data"}
	case "adgem":
		return []string{"note", "other"}
	case "wannads", "bitswall", "bitcotasks", "offeroc", "walloffer":
		return []string{"subId", "transId", "reward"}
	case "offertoro":
		return []string{"oid", "user_id"}
	case "offerdaddy":
		return []string{"transaction_id", "offer_id"}
	case "timewall":
		return []string{"userID", "revenue"}
	case "sparkwall":
		return []string{"user_id", "transaction_id", "payout"}
	case "fyber":
		return []string{"uid", "amount", "_trans_id_", "pub0"}
	case "notik":
		return []string{"user_id", "txn_id"}
	case "super-rewards":
		return []string{"id", "new", "uid"}
	case "inbrain":
		return []string{"PanelistId", "RewardId"}
	case "adgem-get":
		return []string{"player_id", "transaction_id"}
	default:
		return []string{"note", "other"}
	}
}

func drawText(t *rapid.T) string {
	hostile := rapid.SampledFrom([]rune("&=+%#?/[]{}. \n\r\t'\"<>~!()\\;:@,$^`|\u00e9\u6f22\U0001f600\ufffd\u2028\u2029\u0001\u007f-_"))
	text := rapid.StringOf(rapid.OneOf(hostile, rapid.Rune().Filter(func(r rune) bool { return r != 0 }))).Draw(t, "text")
	return text + rapid.SampledFrom([]string{"x", "7", "/"}).Draw(t, "end")
}

// drawData draws an event with hostile values.
func drawData(t *rapid.T, scheme string) string {
	object := map[string]any{}
	for _, name := range signedNames(scheme) {
		object[name] = drawText(t)
	}
	switch scheme {
	case "adjoe":
		object["coin_amount"] = rapid.IntRange(-1000, 1_000_000).Draw(t, "coins")
	case "wannads", "bitswall", "bitcotasks", "offeroc", "walloffer":
		object["status"] = 1
	case "oxapay":
		object["track_id"], object["status"] = "t", "Paid"
	case "btcpay":
		object["deliveryId"], object["type"] = "d", "InvoiceSettled"
	case "coinbase-commerce":
		object["event"] = map[string]any{"id": "e", "type": "charge:confirmed"}
	case "razorpay", "paystack":
		object["event"] = "charge.success"
	case "dv-net":
		object["type"] = "PaymentReceived"
	case "paddle-billing":
		object["event_id"], object["event_type"] = "e", "transaction.completed"
	case "cryptopay":
		object["type"], object["event"] = "Invoice", "status_changed"
	case "dub":
		object["id"], object["event"] = "e", "lead.created"
	case "adgem":
		object["request_id"] = "r"
		object["data"] = map[string]any{"player_id": "p", "conversion_id": "c"}
	case "pollfish":
		object["cpa"] = rapid.IntRange(0, 1000).Draw(t, "cents")
	case "nowpayments", "cryptomus":
		object["deep"] = map[string]any{"b": []any{1, drawText(t), nil, true, map[string]any{"y": 1, "x": drawText(t)}}, "a": false}
		object["count"] = rapid.IntRange(-1<<52, 1<<52).Draw(t, "count")
		object["share"] = rapid.Float64Range(0.001, 1000).Draw(t, "share")
	}
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// draw signs a hostile event with a secret that the scheme made.
func draw(t *rapid.T, catalogue *schemes.Catalogue, scheme string) (request signer.Request, secret, data string) {
	t.Helper()
	definition, err := catalogue.Define(scheme)
	if err != nil {
		t.Fatal(err)
	}
	if secret, err = definition.GenerateSecret(source(rapid.Uint64().Draw(t, "seed"))); err != nil {
		t.Fatal(err)
	}
	data = drawData(t, scheme)
	message := signer.Message{ID: testID, Type: "conversion.completed", OccurredAt: testTime(), Data: []byte(data)}
	request, err = definition.Sign(signer.Target{URL: target(scheme)}, message, []string{secret}, testTime())
	if err != nil {
		t.Fatalf("sign %s: %v", message.Data, err)
	}
	if strings.Contains(request.StringToSign, secret) {
		t.Fatalf("the secret is shown: %s", request.StringToSign)
	}
	return request, secret, data
}

// source is a source of bytes that depend on a number.
type source uint64

func (s source) Read(p []byte) (int, error) {
	state := uint64(s)
	for i := range p {
		state = state*6364136223846793005 + 1442695040888963407
		p[i] = byte(state >> 56)
	}
	return len(p), nil
}

func received(scheme string, request signer.Request) signer.Received {
	return signer.Received{Method: request.Method, URL: request.URL, Header: request.Header, Body: request.Body, Template: template(scheme)}
}

func template(scheme string) string {
	if url := target(scheme); strings.ContainsAny(url, "{[") && scheme != "bitlabs" {
		return url
	}
	return ""
}

// otherThan is a secret of the same form.
func otherThan(secret string) string {
	middle, letter := len(secret)/2, "a"
	if secret[middle] == 'a' {
		letter = "b"
	}
	return secret[:middle] + letter + secret[middle+1:]
}
