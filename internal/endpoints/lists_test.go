package endpoints_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

// What a list says several times counts once, in every list.
func TestListsAreFolded(t *testing.T) {
	t.Parallel()
	wanted := spec()
	wanted.Scheme, wanted.URL = "bitlabs", "https://receiver.example.com/?uid=[%UID%]&tx=[%TX%]"
	wanted.EventTypes = []string{"conversion.*", "exchange.*", "conversion.*"}
	wanted.AllowEmpty, wanted.SuccessStatuses = []string{"TX", "TX", "UID"}, []int{200, 200}
	wanted.Retry.On, wanted.Retry.StopOn = []string{"5xx", "timeout", "5xx"}, []int{403, 403, 410}
	wanted.Retry.Schedule = []postback.Duration{5, 5}
	wanted.Expect = &postback.Expect{Duplicate: postback.Texts{"DUP", "DUP"}}
	made, _, _, err := testkit.NewParts(t).Endpoints.Create(t.Context(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	want := wanted.EndpointSettings
	want.EventTypes, want.AllowEmpty, want.SuccessStatuses = wanted.EventTypes[:2], []string{"TX", "UID"}, nil
	want.Retry.On, want.Retry.StopOn = wanted.Retry.On[:2], []int{403, 410}
	want.Expect = &postback.Expect{Duplicate: postback.Texts{"DUP"}}
	want.Method, want.Timeout = made.Method, made.Timeout
	if !reflect.DeepEqual(made.EndpointSettings, want) {
		t.Errorf("got  %+v\nwant %+v", made.EndpointSettings, want)
	}
	if len(wanted.Expect.Duplicate) != 2 {
		t.Error("the caller's own list was changed")
	}
}

// 200 that is no success can be stopped on, and what becomes success no longer.
func TestStopOnFollowsSuccess(t *testing.T) {
	t.Parallel()
	parts := testkit.NewParts(t)
	wanted := spec()
	wanted.Scheme, wanted.SuccessStatuses, wanted.Retry.StopOn = "standard-webhooks", []int{204}, []int{200}
	made := parts.Create(t, wanted)
	if !slices.Equal(made.Retry.StopOn, wanted.Retry.StopOn) {
		t.Errorf("got %v", made.Retry.StopOn)
	}
	_, _, err := parts.Endpoints.Update(t.Context(), made.ID, postback.EndpointPatch{"success_statuses": nil})
	expectRefusal(t, err, "retry.stop_on[0]", postback.CodeInvalid)
}
