package endpoints_test

import (
	"encoding/json"
	"testing"

	"github.com/waybillhq/waybill/internal/endpoints"
	"github.com/waybillhq/waybill/internal/schemes"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

// A process that has not heard of a scheme's deletion makes no endpoint of it.
func TestADeletedSchemeGetsNoEndpoint(t *testing.T) {
	t.Parallel()
	parts := testkit.NewParts(t)
	here, there := schemes.NewLive(parts.Schemes, parts.Ledger), schemes.NewLive(parts.Schemes, parts.Ledger)
	manager := endpoints.New(endpoints.Options{
		Ledger: parts.Ledger, Registry: parts.Registry, Sealer: parts.Keyring, Reach: parts.Egress, Schemes: there, Past: parts.Ledger,
	})
	declaration := func(algorithm string) []byte {
		tapjoy, err := parts.Schemes.Define("tapjoy")
		if err != nil {
			t.Fatal(err)
		}
		changed := tapjoy.Declaration()
		changed.Name, changed.Algorithm = "acme", algorithm
		text, err := json.Marshal(changed)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	declare := func(algorithm string) {
		if _, err := here.Create(t.Context(), declaration(algorithm)); err != nil {
			t.Fatal(err)
		}
	}
	declare("md5")
	wanted := spec()
	wanted.Scheme = "acme"
	made, _, _, err := manager.Create(t.Context(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	if err := here.Delete(t.Context(), "acme"); postback.CodeOf(err) != postback.CodeConflict {
		t.Errorf("deleted in use: %v", err)
	}
	if err := manager.Delete(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	if err := here.Delete(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	_, _, _, err = manager.Create(t.Context(), wanted)
	expectRefusal(t, err, "scheme", postback.CodeConflict)
	declare("sha1")
	_, _, _, err = manager.Create(t.Context(), wanted) // it would be checked with the first declaration
	expectRefusal(t, err, "scheme", postback.CodeConflict)
	if err := there.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := manager.Create(t.Context(), wanted); err != nil {
		t.Error(err)
	}
}
