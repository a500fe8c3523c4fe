package store_test

import (
	"slices"
	"testing"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

func TestSources(t *testing.T) {
	t.Parallel()
	const pending, retrying, parked = postback.Pending, postback.Retrying, postback.Parked
	made := &postback.Attempt{}
	for _, c := range []struct {
		to      postback.State
		attempt *postback.Attempt
		want    []postback.State
	}{
		{pending, nil, []postback.State{pending, parked}},
		{pending, made, []postback.State{parked}},
		{retrying, nil, []postback.State{pending, retrying, parked}},
		{retrying, made, []postback.State{pending, retrying, parked}},
		{parked, nil, []postback.State{pending, retrying}},
		{postback.Succeeded, made, []postback.State{pending, retrying, parked}},
		{postback.Succeeded, nil, []postback.State{pending, retrying}},
		{postback.Dead, made, []postback.State{pending, retrying, parked}},
		{postback.Cancelled, nil, []postback.State{pending, retrying, parked}},
		{"unknown", nil, nil},
	} {
		got := store.Sources(postback.Transition{To: c.to, Attempt: c.attempt})
		if !slices.Equal(got, c.want) {
			t.Errorf("to %s (attempt %v) from %v, want %v", c.to, c.attempt != nil, got, c.want)
		}
	}
}
