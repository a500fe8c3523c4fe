package endpoints_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/endpoints"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

// record writes an event of pub_1 that nobody wanted.
func record(t *testing.T, parts *testkit.Parts, id, eventType, data string) {
	t.Helper()
	event := postback.Event{
		ID: id, Type: eventType, Publisher: "pub_1", Data: []byte(data), AcceptedAt: time.Now(), Digest: []byte(id),
	}
	if _, err := parts.Ledger.Accept(t.Context(), []postback.Acceptance{{Event: event}}); err != nil {
		t.Fatal(err)
	}
}

func codes(warnings []postback.Warning) string {
	all := make([]string, len(warnings))
	for i, warning := range warnings {
		all[i] = warning.Code
	}
	return strings.Join(all, " ")
}

func TestAnEndpointThatRecentEventsDoNotFitIsWarnedOf(t *testing.T) {
	t.Parallel()
	parts := testkit.NewParts(t)
	for i := range 3 {
		record(t, parts, fmt.Sprint("tx-", i), "conversion.completed", `{"payout":1.50}`)
	}
	record(t, parts, "tx-nested", "conversion.reversed", `{"offer":{"id":1}}`)
	tests := []struct {
		name  string
		alter func(*postback.EndpointSpec)
		field string
		count string
	}{
		{"all fit", func(s *postback.EndpointSpec) { s.EventTypes = []string{"conversion.completed"} }, "", ""},
		{"one does not", func(*postback.EndpointSpec) {}, "data.offer", "1 of the publisher's 4"},
		{"none does", func(s *postback.EndpointSpec) {
			s.Scheme, s.OrderBy, s.EventTypes = "simpleswap", "publicId", []string{"conversion.completed"}
		}, "data.publicId", "3 of the publisher's 3"},
		{"another publisher's", func(s *postback.EndpointSpec) { s.Publisher, s.Scheme, s.OrderBy = "pub_2", "simpleswap", "publicId" }, "", ""},
	}
	for i, test := range tests {
		wanted := spec()
		wanted.URL = fmt.Sprintf("https://receiver.example.com/%d", i)
		test.alter(&wanted)
		_, _, warnings, err := parts.Endpoints.Create(t.Context(), wanted)
		if err != nil {
			t.Fatal(err)
		}
		if test.field == "" {
			if len(warnings) != 0 {
				t.Errorf("%s: warned %+v", test.name, warnings)
			}
			continue
		}
		if codes(warnings) != endpoints.WarnUnsendableEvents || warnings[0].Field != test.field || !strings.Contains(warnings[0].Message, test.count) ||
			!strings.Contains(warnings[0].Message, "is refused when no endpoint can carry it") {
			t.Errorf("%s: warned %+v", test.name, warnings)
		}
	}
}

func TestTheSameEndpointTwiceIsWarnedOf(t *testing.T) {
	t.Parallel()
	parts := testkit.NewParts(t)
	first := parts.Create(t, spec())
	tests := []struct {
		name  string
		alter func(*postback.EndpointSpec)
		want  string
	}{
		{"the same", func(*postback.EndpointSpec) {}, endpoints.WarnDuplicateEndpoint},
		{"another URL", func(s *postback.EndpointSpec) { s.URL += "2" }, ""},
		{"another publisher", func(s *postback.EndpointSpec) { s.Publisher = "pub_2" }, ""},
		{"a narrower one", func(s *postback.EndpointSpec) { s.EventTypes = []string{"conversion.completed"} }, endpoints.WarnDuplicateEndpoint},
	}
	for _, test := range tests {
		wanted := spec()
		test.alter(&wanted)
		made, _, warnings, err := parts.Endpoints.Create(t.Context(), wanted)
		if err != nil || codes(warnings) != test.want {
			t.Errorf("%s: warned %+v, %v", test.name, warnings, err)
		}
		if test.want != "" && (warnings[0].EndpointID != first.ID || strings.Contains(warnings[0].Message, first.ID) || !strings.Contains(warnings[0].Message, made.ID)) {
			t.Errorf("%s: warned of %q: %s", test.name, warnings[0].EndpointID, warnings[0].Message)
		}
		if err := parts.Endpoints.Delete(t.Context(), made.ID); err != nil {
			t.Fatal(err)
		}
	}
	types := []string{"exchange.*"}
	if _, warnings, err := parts.Endpoints.Update(t.Context(), first.ID, postback.EndpointPatch{"event_types": types}); err != nil || len(warnings) != 0 {
		t.Errorf("an update: warned %+v, %v", warnings, err)
	}
	other := spec()
	other.EventTypes = []string{"conversion.*"}
	second, _, warnings, err := parts.Endpoints.Create(t.Context(), other)
	if err != nil || len(warnings) != 0 {
		t.Errorf("one that gets other events: warned %+v, %v", warnings, err)
	}
	all := []string{}
	if _, warnings, err := parts.Endpoints.Update(t.Context(), second.ID, postback.EndpointPatch{"event_types": all}); err != nil || codes(warnings) != endpoints.WarnDuplicateEndpoint {
		t.Errorf("an update that makes it the same: warned %+v, %v", warnings, err)
	}
}
