package keys_test

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waybillhq/waybill/internal/keys"
	"github.com/waybillhq/waybill/postback"
)

func somebody() netip.Prefix { return netip.MustParsePrefix("192.0.2.1/32") }

func expectCode(t *testing.T, made *keys.Keys, text string, client netip.Prefix, want postback.Code) {
	t.Helper()
	if _, err := made.Authenticate(t.Context(), text, client); postback.CodeOf(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// A key that there is gets in, whoever else tries from the same address, such as
// a proxy's, and even if this process has never seen it.
func TestFailedLoginsAreLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ledger := &memory{}
		made := keys.New(ledger)
		_, used := create(t, made, postback.RoleAdmin, "")
		_, fresh := create(t, made, postback.RoleViewer, "")
		if _, err := made.Authenticate(t.Context(), used, somebody()); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			expectCode(t, made, keys.NewText(), somebody(), postback.CodeUnauthorized)
		}
		expectCode(t, made, keys.NewText(), somebody(), postback.CodeTooManyRequests)
		expectCode(t, made, "no key at all", somebody(), postback.CodeTooManyRequests)
		if _, err := made.Authenticate(t.Context(), fresh, somebody()); err != nil {
			t.Errorf("a key that is new here is kept out: %v", err)
		}
		for range 100 {
			expectCode(t, made, keys.NewText(), somebody(), postback.CodeTooManyRequests)
		}
		if ledger.lists != 1 {
			t.Errorf("the keys were listed %d times", ledger.lists)
		}

		<-time.After(2 * time.Second) // the key is looked up again.
		if _, err := made.Authenticate(t.Context(), used, somebody()); err != nil {
			t.Errorf("a key that has worked is kept out: %v", err)
		}
		expectCode(t, made, keys.NewText(), netip.MustParsePrefix("192.0.2.2/32"), postback.CodeUnauthorized)

		<-time.After(4 * time.Second) // one failure is forgiven.
		expectCode(t, made, keys.NewText(), somebody(), postback.CodeUnauthorized)
		expectCode(t, made, keys.NewText(), somebody(), postback.CodeTooManyRequests)
	})
}

func TestMemoryOfFailedLoginsIsBounded(t *testing.T) {
	t.Parallel()
	made := keys.New(&memory{})
	for i := range 2 * keys.MaxClients {
		client := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32)
		expectCode(t, made, "no key", client, postback.CodeUnauthorized)
	}
	if got := made.Suspects(); got > keys.MaxClients {
		t.Errorf("%d clients are remembered", got)
	}
}
