package endpoints_test

import (
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// spec is a besitos endpoint that nothing is wrong with.
func spec() postback.EndpointSpec {
	return postback.EndpointSpec{Publisher: "pub_1", Scheme: "besitos", EndpointSettings: postback.EndpointSettings{URL: "https://receiver.example.com/postback"}}
}

func expectRefusal(t *testing.T, err error, field string, code postback.Code) {
	t.Helper()
	var refused *postback.Error
	if !errors.As(err, &refused) {
		t.Fatalf("got %v, want a *postback.Error", err)
	}
	if refused.Field != field || refused.Code != code {
		t.Errorf("got field %q, code %q (%v), want %q, %q", refused.Field, refused.Code, err, field, code)
	}
}

// stored is the endpoint as the ledger has it.
func stored(t *testing.T, parts *testkit.Parts, id string) postback.Endpoint {
	t.Helper()
	endpoint, err := parts.Ledger.Endpoint(t.Context(), id)
	if err != nil {
		t.Fatalf("read endpoint: %v", err)
	}
	return endpoint
}

// known is the endpoint as this process sees it.
func known(t *testing.T, parts *testkit.Parts, id string) postback.Endpoint {
	t.Helper()
	endpoint, ok := parts.Registry.Endpoint(id)
	if !ok {
		t.Fatalf("the registry does not know %s", id)
	}
	return endpoint
}
