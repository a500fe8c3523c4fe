package api_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/api"
)

// A client that leaves must not leave half of a change behind: an accepted event
// that nobody queues, an example cut off on its way and counted as a failure.
func TestWhatAClientBeganIsFinishedWhenItLeaves(t *testing.T) {
	t.Parallel()
	tried := 0
	for _, row := range accessTable() {
		if row.method == http.MethodGet {
			continue
		}
		tried++
		f := newFakes()
		(&bundle{fakes: f}).fill()
		if _, _, err := (fakeKeys{f}).Create(t.Context(), "a key to revoke", "viewer", ""); err != nil {
			t.Fatal(err)
		}
		f.changes = nil
		handler, err := api.New(optionsOf(f, io.Discard))
		if err != nil {
			t.Fatal(err)
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		request := httptest.NewRequestWithContext(gone, row.method, row.path, strings.NewReader(row.body))
		request.Header.Set("Authorization", "Bearer "+keyPrefix+"admin")
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		if answer.Code != row.good || len(f.changes) != 1 {
			t.Errorf("%s %s answered %d after %d changes: %s", row.method, row.path, answer.Code, len(f.changes), answer.Body)
			continue
		}
		if made := f.changes[0]; made.err != nil || !made.bounded {
			t.Errorf("%s %s: the context was ended %v, bounded %v", row.method, row.path, made.err, made.bounded)
		}
	}
	if tried == 0 {
		t.Error("no call that changes something was tried")
	}
}
