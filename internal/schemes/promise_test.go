package schemes_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

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

// A network that never tries again after an answer says so, and its endpoints do as it
// does unless they say otherwise.
func TestADeclarationPromisesWhatEndsADelivery(t *testing.T) {
	t.Parallel()
	with := func(stop string) string {
		return strings.Replace(declare(t, "acme"), `"place"`, `"stop_on": `+stop+`, "place"`, 1)
	}
	definition, err := schemes.Parse("acme.json", []byte(with(`[403, 410]`)))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		given postback.RetryPolicy
		want  []int
	}{
		"nothing":          {postback.RetryPolicy{}, []int{403, 410}},
		"others":           {postback.RetryPolicy{StopOn: []int{404}}, []int{404}},
		"one tried again":  {postback.RetryPolicy{On: []string{"403", "5xx"}}, []int{410}},
		"times of its own": {postback.RetryPolicy{Schedule: []postback.Duration{postback.Duration(time.Minute)}}, nil},
	} {
		policy := retry.Complete(test.given, schemes.Promise(definition))
		if !slices.Equal(policy.StopOn, test.want) {
			t.Errorf("%s: it stops on %v, want %v", name, policy.StopOn, test.want)
		}
		if err := errors.Join(retry.Validate(policy), retry.ValidateAnswers(postback.EndpointSettings{Retry: policy})); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, wrong := range []string{`[200]`, `[99]`, `[600]`} {
		if _, err := schemes.Parse("acme.json", []byte(with(wrong))); err == nil || !strings.Contains(err.Error(), "stop_on[0]") {
			t.Errorf("stop_on: %s: %v", wrong, err)
		}
	}
}
