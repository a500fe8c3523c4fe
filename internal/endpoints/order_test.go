package endpoints_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/internal/endpoints"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// oneScheme is a catalogue of one.
type oneScheme struct{ *signer.Definition }

func (o oneScheme) Define(string) (*signer.Definition, error) { return o.Definition, nil }

func (o oneScheme) DefineRevision(string) (*signer.Definition, int64, error) {
	return o.Definition, 0, nil
}

// What the warning says to set is taken, or it says nothing.
func TestTheOrderThatIsSuggestedIsTaken(t *testing.T) {
	t.Parallel()
	parts := testkit.NewParts(t)
	for reference, suggested := range map[string]string{
		"$tx": `"\\$tx"`, "[tx]": `"\\[tx]"`, "a.tx": `"a\\.tx"`, strings.Repeat("x", 201): "",
	} {
		data, err := json.Marshal(map[string]string{reference: "1"})
		if err != nil {
			t.Fatal(err)
		}
		scheme, err := signer.Compile(signer.Declaration{
			Name: "acme", Methods: []string{"POST"}, Data: signer.Data{In: "body"}, Reference: reference, Supersede: true,
			Parts: []signer.Part{{Part: "body"}}, Algorithm: "hmac-sha256", Place: signer.Place{In: "header", Name: "X-Acme"},
			Examples: []signer.EventExample{{Data: data}},
		})
		if err != nil {
			t.Fatal(err)
		}
		manager := endpoints.New(endpoints.Options{
			Ledger: parts.Ledger, Registry: parts.Registry, Sealer: parts.Keyring, Reach: parts.Egress, Schemes: oneScheme{scheme}, Past: parts.Ledger,
		})
		wanted := spec()
		wanted.Scheme, wanted.Publisher = "acme", "pub_order"
		made, _, warnings, err := manager.Create(t.Context(), wanted)
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, warning := range warnings {
			if warning.Code == endpoints.WarnOrderByMissing {
				_, text, _ = strings.Cut(warning.Message, "set order_by to ")
				text, _, _ = strings.Cut(text, " to have")
			}
		}
		if text != suggested {
			t.Errorf("%.20s: got %s, want %s", reference, text, suggested)
		}
		if text == "" {
			continue
		}
		var orderBy string
		if err := json.Unmarshal([]byte(text), &orderBy); err != nil {
			t.Fatal(err)
		}
		if _, _, err := manager.Update(t.Context(), made.ID, postback.EndpointPatch{"order_by": orderBy}); err != nil {
			t.Errorf("%s is suggested and refused: %v", text, err)
		}
	}
}

// A status that is retried must not replace the one that came after it.
func TestAnEndpointWithoutTheOrderThatItsSchemeNeedsIsWarnedOf(t *testing.T) {
	t.Parallel()
	parts := testkit.NewParts(t)
	tests := []struct{ scheme, orderBy, says string }{
		{"simpleswap", "", `set order_by to "publicId"`},
		{"nowpayments", "", `set order_by to "payment_id"`},
		{"simpleswap", "publicId", ""},
		{"standard-webhooks", "", ""},
		{"besitos", "", ""},
	}
	for i, tt := range tests {
		wanted := spec()
		wanted.URL, wanted.Scheme, wanted.OrderBy = fmt.Sprintf("https://receiver.example.com/%d", i), tt.scheme, tt.orderBy
		made, _, warnings, err := parts.Endpoints.Create(t.Context(), wanted)
		if err != nil {
			t.Fatal(err)
		}
		if tt.says == "" && len(warnings) != 0 {
			t.Errorf("%s: warned %+v", tt.scheme, warnings)
		}
		if tt.says != "" && (codes(warnings) != endpoints.WarnOrderByMissing || !strings.Contains(warnings[0].Message, tt.says) || warnings[0].Field != "order_by") {
			t.Errorf("%s: warned %+v", tt.scheme, warnings)
		}
		if _, again, err := parts.Endpoints.Update(t.Context(), made.ID, postback.EndpointPatch{"description": "x"}); err != nil || len(again) != 0 {
			t.Errorf("%s: a change is warned of %+v, %v", tt.scheme, again, err)
		}
	}
}
