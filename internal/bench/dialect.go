package bench

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/waybillhq/waybill/client"
)

// dialect is how events of a scheme look, on both sides of the engine.
type dialect struct {
	eventType string
	query     string // of the endpoint's URL
	data      func(transaction string) string
	parameter string // carries the transaction in the URL; empty: publicId does in the body
}

// dialectOf knows the schemes that a run can use.
func dialectOf(scheme string) (dialect, error) {
	switch scheme {
	case "besitos":
		return dialect{eventType: "conversion.completed", parameter: "transaction_id", data: func(tx string) string {
			return `{"user_id":"user_1","transaction_id":"` + tx + `","offer_id":"4711","offer_name":"Reach level 10","reward":150,"payout":1.50}`
		}}, nil
	case "bitlabs":
		return dialect{eventType: "conversion.completed", parameter: "tx", query: "?uid=[%UID%]&val=[%VALUE:CURRENCY%]&raw=[%VALUE:USD%]&tx=[%TX%]", data: func(tx string) string {
			return `{"uid":"user_1","tx":"` + tx + `","type":"COMPLETE","val":500,"raw":0.50}`
		}}, nil
	case "simpleswap":
		return dialect{eventType: "exchange.finished", data: func(tx string) string {
			return `{"publicId":"` + tx + `","status":"finished","currencyFrom":"btc","currencyTo":"eth","amountFrom":"0.10","amountTo":"1.55","addressTo":"0x52908400098527886E0F7030069857D2E4169EE7"}`
		}}, nil
	default:
		return dialect{}, fmt.Errorf("scheme: %q is none of besitos, bitlabs and simpleswap", scheme)
	}
}

// naming tells the events of one run from those of others.
type naming struct{ run string }

func (n naming) transaction(index int) string { return n.run + "-" + strconv.Itoa(index) }

func (n naming) publisher(endpoint int) string { return n.run + "-pub-" + strconv.Itoa(endpoint) }

// index is which event a transaction belongs to; false for another run's.
func (n naming) index(transaction string) (int, bool) {
	number, ours := strings.CutPrefix(transaction, n.run+"-")
	index, err := strconv.Atoi(number)
	return index, ours && err == nil && index >= 0
}

// event is the event with that index, for the endpoint whose turn it is.
func (d dialect) event(n naming, index, endpoints int) client.Event {
	transaction := n.transaction(index)
	return client.Event{
		ID: transaction, Type: d.eventType, Publisher: n.publisher(index % endpoints),
		Data: json.RawMessage(d.data(transaction)),
	}
}

// transaction reads what identifies an event in a request to the receiver.
func (d dialect) transaction(request *http.Request, body []byte) string {
	if d.parameter != "" {
		return request.URL.Query().Get(d.parameter)
	}
	var exchange struct {
		PublicID string `json:"publicId"`
	}
	if json.Unmarshal(body, &exchange) != nil {
		return ""
	}
	return exchange.PublicID
}
