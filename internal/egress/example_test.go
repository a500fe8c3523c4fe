package egress_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"time"

	"github.com/waybillhq/waybill/internal/egress"
)

func ExampleClient_Send() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "thanks")
	}))
	defer server.Close()
	client, err := egress.New(egress.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	for _, target := range []string{server.URL + "/postback?user_id=1", "http://169.254.169.254/latest/"} {
		result := client.Send(context.Background(), egress.Request{Method: "GET", URL: target}, 5*time.Second)
		if result.Failure != nil {
			fmt.Println(result.Failure.Kind, result.Failure.Code)
			continue
		}
		fmt.Println(result.StatusCode, string(result.Body))
	}
	// Output:
	// 200 thanks
	// refused egress_denied
}
