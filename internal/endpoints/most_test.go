package endpoints_test

import (
	"strings"
	"testing"

	"github.com/waybillhq/waybill/internal/endpoints"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

// A publisher may have so many endpoints, and who has too many learns which
// setting says so; an operator is not bounded.
func TestEndpointsOfAPublisherAreBounded(t *testing.T) {
	t.Parallel()
	parts := testkit.NewParts(t)
	manager := endpoints.New(endpoints.Options{
		Ledger: parts.Ledger, Registry: parts.Registry, Sealer: parts.Keyring, Reach: parts.Egress, Schemes: parts.Schemes, Past: parts.Ledger, Most: 2,
	})
	create := func(publisher, scheme string) (postback.Endpoint, error) {
		one := spec()
		one.Publisher, one.Scheme = publisher, scheme
		made, _, _, err := manager.Create(t.Context(), one)
		return made, err
	}
	var last postback.Endpoint
	for _, publisher := range []string{"pub_1", "pub_1", "pub_2"} {
		made, err := create(publisher, "besitos")
		if err != nil {
			t.Fatal(err)
		}
		if publisher == "pub_1" {
			last = made
		}
		known(t, parts, made.ID)
	}
	_, err := create("pub_1", "besitos")
	expectRefusal(t, err, "publisher", postback.CodeLimit)
	if !strings.Contains(err.Error(), "has 2 endpoints already") || !strings.Contains(err.Error(), "--max-endpoints-per-publisher") {
		t.Errorf("it says %v", err)
	}
	if err := manager.Delete(t.Context(), last.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := create("pub_1", "besitos"); err != nil {
		t.Errorf("after one was deleted: %v", err)
	}
	for range 5 {
		if _, err := create(postback.Operator, postback.OperatorScheme); err != nil {
			t.Errorf("an operator's: %v", err)
		}
	}
}
