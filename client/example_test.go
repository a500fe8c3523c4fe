package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

func ExampleClient_SendEvent() {
	waybill := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"id":"tx-1001","duplicate":false,"deliveries":[{"id":"dlv_1","endpoint_id":"ep_1","state":"pending"}]}`)
	}))
	defer waybill.Close()

	c, err := client.New(waybill.URL, "the-key")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	accepted, err := c.SendEvent(context.Background(), client.Event{
		ID:        "tx-1001", // the producer's own id: sending it again is safe
		Type:      "conversion.completed",
		Publisher: "pub_1",
		Data:      json.RawMessage(`{"user_id": "u-7", "payout": 1.50}`),
	})
	var problem *client.Problem
	switch {
	case errors.As(err, &problem) && problem.Code == postback.CodeConflict:
		fmt.Println("this id was sent with other content")
	case err != nil:
		fmt.Println(err)
	default:
		fmt.Println(accepted.ID, len(accepted.Deliveries), accepted.Deliveries[0].State)
	}
	// Output: tx-1001 1 pending
}
