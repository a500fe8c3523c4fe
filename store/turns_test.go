package store_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

func TestTurnsGoRoundTheEndpoints(t *testing.T) {
	t.Parallel()
	var turns store.Turns
	for i, step := range []struct {
		ids   []string
		claim postback.Claim
		want  string
	}{
		{nil, postback.Claim{Limit: 10}, "[] 0"},
		{[]string{"b", "a", "b"}, postback.Claim{Limit: 10}, "[a b] 5"},
		{[]string{"b", "a"}, postback.Claim{Limit: 10, Each: 3}, "[a b] 3"},
		{[]string{"b", "a"}, postback.Claim{Limit: 10, Except: map[string]bool{"a": true}}, "[b] 10"},
		{[]string{"a", "b", "c"}, postback.Claim{Limit: 2, Each: 3}, "[a b] 1"},
		{[]string{"a", "b", "c"}, postback.Claim{Limit: 2, Each: 3}, "[a c] 1"},
		{[]string{"a", "b", "c"}, postback.Claim{Limit: 2, Each: 3}, "[b c] 1"},
		{[]string{"a", "b", "c"}, postback.Claim{Limit: 2, Each: 3}, "[a b] 1"},
	} {
		before := slices.Clone(step.ids)
		chosen, each := turns.Next(step.ids, step.claim)
		if got := fmt.Sprint(chosen, each); got != step.want || !slices.Equal(before, step.ids) {
			t.Errorf("step %d: got %s of %v, want %s of %v", i, got, step.ids, step.want, before)
		}
	}
}
