package api_test

import (
	"net/http"
	"testing"
)

func TestFailedLoginsAreToldToWait(t *testing.T) {
	t.Parallel()
	got := setup(t).call(t, "guess", http.MethodGet, "/v1/endpoints", "")
	if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") != "5" {
		t.Errorf("got %d, Retry-After %q", got.status, got.header.Get("Retry-After"))
	}
	if problem := got.problem(t); problem.Code != "too_many_requests" {
		t.Errorf("got the code %s", problem.Code)
	}
}
