package schemes_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/internal/retry"
	"github.com/waybillhq/waybill/internal/schemes"
	"github.com/waybillhq/waybill/postback"
)

// An empty schedule means one attempt in a declaration, as it does in an endpoint,
// and still does when it comes back from the ledger.
func TestADeclarationPromisesOneAttempt(t *testing.T) {
	t.Parallel()
	ledger := &memory{}
	text := strings.Replace(declare(t, "acme"), `"place"`, `"retry": [], "place"`, 1)
	if _, err := schemes.NewLive(load(t), ledger).Create(t.Context(), []byte(text)); err != nil {
		t.Fatal(err)
	}
	definition, err := schemes.NewLive(load(t), ledger).Define("acme")
	if err != nil {
		t.Fatal(err)
	}
	policy := retry.Complete(postback.RetryPolicy{StopOn: []int{403}}, schemes.Promise(definition))
	if policy.Schedule == nil || len(policy.Schedule) != 0 || policy.MaxAttempts != 0 {
		t.Errorf("got %+v, want one attempt", policy)
	}
	definition, err = schemes.Parse("acme.json", []byte(declare(t, "acme")))
	if err != nil {
		t.Fatal(err)
	}
	if promised := schemes.Promise(definition); promised.Timed() {
		t.Errorf("without retry it promises %+v", promised)
	}
	if written, _ := json.Marshal(definition.Declaration()); strings.Contains(string(written), `"retry"`) {
		t.Errorf("a promise was added: %s", written)
	}
}
