package retry_test

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/waybillhq/waybill/internal/retry"
	"github.com/waybillhq/waybill/postback"
)

func TestValidateAnswers(t *testing.T) {
	t.Parallel()
	many := slices.Repeat([]string{"5xx"}, 51)
	for name, test := range map[string]struct {
		on      []string
		stopOn  []int
		field   string // empty: valid
		success []int  // none: 200
	}{
		"nothing":                   {nil, nil, "", nil},
		"every class":               {retry.Classes(), nil, "", nil},
		"429 and other statuses":    {[]string{"429", "503", "100", "599"}, []int{403, 410}, "", nil},
		"a class and a stop in it":  {[]string{"4xx"}, []int{403}, "", nil},
		"an unknown class":          {[]string{"timeout", "Timeout"}, nil, "retry.on[1]", nil},
		"nothing in it":             {[]string{""}, nil, "retry.on[0]", nil},
		"200":                       {[]string{"200"}, nil, "retry.on[0]", nil},
		"6xx":                       {[]string{"6xx"}, nil, "retry.on[0]", nil},
		"below every status":        {[]string{"99"}, nil, "retry.on[0]", nil},
		"above every status":        {[]string{"600"}, nil, "retry.on[0]", nil},
		"a status with a sign":      {[]string{"+503"}, nil, "retry.on[0]", nil},
		"a status with a zero":      {[]string{"0503"}, nil, "retry.on[0]", nil},
		"a status with a space":     {[]string{" 503"}, nil, "retry.on[0]", nil},
		"stop on 200":               {nil, []int{403, 200}, "retry.stop_on[1]", nil},
		"stop on 0":                 {nil, []int{0}, "retry.stop_on[0]", nil},
		"stop on a negative number": {nil, []int{-403}, "retry.stop_on[0]", nil},
		"stop on 600":               {nil, []int{600}, "retry.stop_on[0]", nil},
		"both at once":              {[]string{"5xx", "503"}, []int{503}, "retry.on[1]", nil},
		"too many classes":          {many, nil, "retry.on", nil},
		"too many stops":            {nil, slices.Repeat([]int{403}, 51), "retry.stop_on", nil},
		"success by its name":       {[]string{"503", "204"}, nil, "retry.on[1]", []int{200, 204}},
		"stop on success":           {nil, []int{204}, "retry.stop_on[0]", []int{200, 204}},
		"200 that is no success":    {[]string{"200"}, nil, "", []int{204}},
		"stop on such a 200":        {nil, []int{200}, "", []int{202, 204}},
		"the class of success":      {[]string{"2xx"}, nil, "", []int{200, 204}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, policy := range []postback.RetryPolicy{{}, promised(t, "besitos"), promised(t, "bitlabs")} {
				policy.On, policy.StopOn = test.on, test.stopOn
				err := retry.ValidateAnswers(postback.EndpointSettings{Retry: policy, SuccessStatuses: test.success})
				if test.field == "" {
					if err != nil {
						t.Error(err)
					}
					continue
				}
				var refused *postback.Error
				if !errors.As(err, &refused) || refused.Field != test.field || refused.Code != postback.CodeInvalid {
					t.Errorf("got %v, want an error in %s", err, test.field)
				}
			}
		})
	}
}

func TestCompleteKeepsTheAnswers(t *testing.T) {
	t.Parallel()
	given := postback.RetryPolicy{On: []string{"5xx"}, StopOn: []int{403}}
	if given.Timed() {
		t.Error("a policy that says nothing of times has the scheme's")
	}
	for scheme, promise := range map[string]postback.RetryPolicy{
		"besitos": promised(t, "besitos"), "bitlabs": promised(t, "bitlabs"), "one without a promise": {},
	} {
		got, times := retry.Complete(given, promise), promise
		if !promise.Timed() {
			times = retry.Default()
		}
		if !slices.Equal(got.On, given.On) || !slices.Equal(got.StopOn, given.StopOn) {
			t.Errorf("%s: got %+v", scheme, got)
		}
		if !slices.Equal(got.Schedule, times.Schedule) || got.Initial != times.Initial || got.MaxAttempts != times.MaxAttempts {
			t.Errorf("%s: got %+v, want the times of %+v", scheme, got, times)
		}
	}
}

func TestWantsStatus(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		on     []string
		wanted []int
	}{
		{nil, []int{101, 204, 302, 404, 429, 500, 503, 599}},
		{[]string{"1xx", "2xx"}, []int{101, 204}},
		{[]string{"3xx"}, []int{302}},
		{[]string{"4xx"}, []int{404, 429}},
		{[]string{"5xx", "timeout"}, []int{500, 503, 599}},
		{[]string{"429", "503"}, []int{429, 503}},
		{[]string{"timeout", "connection", "tls", "dns", "unexpected_body"}, nil},
	} {
		policy := postback.RetryPolicy{On: test.on}
		for _, status := range []int{101, 204, 302, 404, 429, 500, 503, 599} {
			if got, want := retry.WantsStatus(policy, status), slices.Contains(test.wanted, status); got != want {
				t.Errorf("%v, %d %s: got %t, want %t", test.on, status, http.StatusText(status), got, want)
			}
		}
		for status := 100; status < 600; status++ {
			if status != http.StatusOK && retry.WantsStatus(postback.RetryPolicy{On: []string{strconv.Itoa(status)}}, status) != true {
				t.Errorf("%d is not wanted by its name", status)
			}
		}
	}
}
