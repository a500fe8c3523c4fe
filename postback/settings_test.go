package postback_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/waybillhq/waybill/postback"
)

// 0 is no limit of the endpoint's own, in both settings.
func TestZeroIsNoLimitOfItsOwn(t *testing.T) {
	t.Parallel()
	before := postback.EndpointSettings{URL: "https://example.com/", MaxInFlight: 4, RateLimit: &postback.RateLimit{PerSecond: 5}}
	after, err := patchOf(t, `{"max_in_flight":0,"rate_limit":0.0}`).Over(before)
	if err != nil || after.MaxInFlight != 0 || after.RateLimit != nil {
		t.Errorf("got %+v, %v", after, err)
	}
}

// patchOf is a patch as it comes from the API.
func patchOf(t *testing.T, text string) postback.EndpointPatch {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		t.Fatal(err)
	}
	patch := postback.EndpointPatch{}
	for name, value := range members {
		patch[name] = value
	}
	return patch
}

func TestAPatchChangesWhatItNames(t *testing.T) {
	t.Parallel()
	before := postback.EndpointSettings{
		URL: "https://example.com/", Headers: map[string]string{"A": "a", "B": "b"}, MaxInFlight: 4, OrderBy: "tx",
		Expect: &postback.Expect{Exact: "OK", Duplicate: postback.Texts{"DUP"}}, RateLimit: &postback.RateLimit{PerSecond: 5, Burst: 9},
	}
	after, err := patchOf(t, `{"headers":{"B":"c"},"order_by":null,"expect":{"contains":"OK"},"rate_limit":2.5,"retry":{"schedule":[]}}`).Over(before)
	want := before
	want.Headers, want.OrderBy, want.Expect = map[string]string{"B": "c"}, "", &postback.Expect{Contains: "OK"}
	want.RateLimit, want.Retry.Schedule = &postback.RateLimit{PerSecond: 2.5}, []postback.Duration{}
	if err != nil || !reflect.DeepEqual(after, want) {
		t.Errorf("got  %+v, %v\nwant %+v", after, err, want)
	}
	if before.Headers["A"] != "a" || before.Expect.Exact != "OK" {
		t.Errorf("the settings before became %+v", before)
	}
}

func TestAPatchNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for text, field := range map[string]string{
		`{"ulr":"x"}`:                                      "ulr",
		`{"url":null}`:                                     "url",
		`{"url":7}`:                                        "url",
		`{"event_types":["a",7]}`:                          "event_types[1]",
		`{"headers":{"A":7}}`:                              "headers",
		`{"retry":{"schedule":["1s","x"]}}`:                "retry.schedule[1]",
		`{"retry":{"schedul":[]}}`:                         "retry.schedul",
		`{"retry":{"On":[]}}`:                              "retry.On",
		`{"retry":{"max_age":"0s"}}`:                       "retry.max_age",
		`{"expect":{"equals":[]}}`:                         "expect.equals",
		`{"rate_limit":"5"}`:                               "rate_limit",
		`{"rate_limit":{"per_second":5,"burst":0}}`:        "rate_limit.burst",
		`{"rate_limit":{"per_second":5,"burst":"x"}}`:      "rate_limit.burst",
		`{"timeout":"0s"}`:                                 "timeout",
		`{"timeout":"x"}`:                                  "timeout",
		`{"max_in_flight":1.5}`:                            "max_in_flight",
		`{"description":"x","expect":{"duplicate":[1,2]}}`: "expect.duplicate[0]",
	} {
		before := postback.EndpointSettings{URL: "https://example.com/"}
		_, err := patchOf(t, text).Over(before)
		if refused, ok := errors.AsType[*postback.Error](err); !ok || refused.Field != field || refused.Message == "" {
			t.Errorf("%s: got %v, want %s refused", text, err, field)
		}
	}
}

// What is stored and shown is read as it was written.
func TestSettingsSurviveJSON(t *testing.T) {
	t.Parallel()
	for _, want := range []postback.EndpointSettings{
		{},
		{URL: "u", EventTypes: []string{}, Retry: postback.RetryPolicy{Schedule: []postback.Duration{}}, Expect: &postback.Expect{JSONPath: "a", Equals: "1.50"}},
	} {
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got postback.EndpointSettings
		if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
}
