package endpoints_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/internal/endpoints"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

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
