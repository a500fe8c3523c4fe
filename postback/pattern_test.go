package postback_test

import (
	"strings"
	"testing"

	"github.com/waybillhq/waybill/postback"
)

func TestCheckEventType(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{
		"conversion.completed":                      true,
		"exchange.finished":                         true,
		"conversion.start_bonus":                    true,
		"conversion.a-b.c2":                         true,
		"conversion." + strings.Repeat("x", 89):     true,
		"conversion." + strings.Repeat("x", 90):     false,
		"":                                          false,
		"conversion":                                false,
		"conversion.":                               false,
		"conversion..a":                             false,
		"conversion.a.":                             false,
		".conversion.a":                             false,
		"Conversion.completed":                      false,
		"conversion.Completed":                      false,
		"conversion.*":                              false,
		"conversions.completed":                     false,
		"order.completed":                           false,
		"conversion.comple ted":                     false,
		"conversion.completed\n":                    false,
		"conversion.\u0441":                         false,
		"conversion.completed.exchange/../finished": false,
		"endpoint.disabled":                         false,
		"endpoint.made_up":                          false,
		"deliveries.dead":                           false,
	}
	for eventType, want := range tests {
		err := postback.CheckEventType(eventType)
		if (err == nil) != want {
			t.Errorf("type %q: got %v, want it accepted %t", eventType, err, want)
		}
		if err != nil {
			expectRefusal(t, err, "type", postback.CodeInvalid)
		}
	}
}

func TestCheckPattern(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{
		"*":                     true,
		"conversion.*":          true,
		"exchange.*":            true,
		"conversion.completed":  true,
		"conversion.offer.*":    true,
		"":                      false,
		"**":                    false,
		".*":                    false,
		"conversion":            false,
		"conversion*":           false,
		"conversion.":           false,
		"conversion.**":         false,
		"conversion.com*":       false,
		"conversion.*.a":        false,
		"*.completed":           false,
		"order.*":               false,
		"Conversion.*":          false,
		"conversion.*,exchange": false,
		"endpoint.*":            true, // of an operator
		"deliveries.dead":       true,
		"deliver.*":             false,
	}
	for pattern, want := range tests {
		err := postback.CheckPattern("event_types[3]", pattern)
		if (err == nil) != want {
			t.Errorf("pattern %q: got %v, want it accepted %t", pattern, err, want)
		}
		if err != nil {
			expectRefusal(t, err, "event_types[3]", postback.CodeInvalid)
		}
	}
}

// Alerts and what producers send are kept apart.
func TestTypesAndPatternsOfAPublisher(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text             string
		typeOf, operator bool // a type of a publisher's events, of an operator's
		patternOf, ofOps bool
	}{
		{"conversion.completed", true, false, true, false},
		{"exchange.*", false, false, true, false},
		{"*", false, false, true, true},
		{"endpoint.disabled", false, true, false, true},
		{"deliveries.dead", false, true, false, true},
		{"endpoint.*", false, false, false, true},
		{"endpoint.made_up", false, false, false, true},
		{"order.paid", false, false, false, false},
	} {
		for publisher, want := range map[string][2]bool{"pub_1": {tt.typeOf, tt.patternOf}, postback.Operator: {tt.operator, tt.ofOps}} {
			ofType, ofPattern := postback.CheckTypeOf(publisher, tt.text), postback.CheckPatternOf(publisher, "event_types[0]", tt.text)
			if (ofType == nil) != want[0] || (ofPattern == nil) != want[1] {
				t.Errorf("%s of %s: as a type %v, as a pattern %v", tt.text, publisher, ofType, ofPattern)
			}
			if ofType != nil {
				expectRefusal(t, ofType, "type", postback.CodeInvalid)
			}
			if ofPattern != nil {
				expectRefusal(t, ofPattern, "event_types[0]", postback.CodeInvalid)
			}
		}
	}
	forged := postback.CheckEventType("endpoint.disabled")
	if forged == nil || !strings.Contains(forged.Error(), "an alert of Waybill") {
		t.Errorf("a forged type is refused with %v", forged)
	}
}

func TestMatchType(t *testing.T) {
	t.Parallel()
	tests := []struct {
		pattern, eventType string
		want               bool
	}{
		{"*", "conversion.completed", true},
		{"conversion.*", "conversion.completed", true},
		{"conversion.*", "conversion.offer.completed", true},
		{"conversion.*", "exchange.finished", false},
		{"conversion.offer.*", "conversion.offer.completed", true},
		{"conversion.offer.*", "conversion.offer", false},
		{"conversion.offer.*", "conversion.offers.completed", false},
		{"conversion.completed", "conversion.completed", true},
		{"conversion.completed", "conversion.completed.twice", false},
		{"conversion.completed", "conversion.complete", false},
	}
	for _, tt := range tests {
		if got := postback.MatchType(tt.pattern, tt.eventType); got != tt.want {
			t.Errorf("pattern %q, type %q: got %t, want %t", tt.pattern, tt.eventType, got, tt.want)
		}
	}
}

func TestEndpointWants(t *testing.T) {
	t.Parallel()
	endpoint := func(state postback.EndpointState, patterns ...string) postback.Endpoint {
		return postback.Endpoint{Publisher: "pub_1", State: state, EndpointSettings: postback.EndpointSettings{EventTypes: patterns}}
	}
	tests := []struct {
		name      string
		endpoint  postback.Endpoint
		publisher string
		want      bool
	}{
		{"every type", endpoint(postback.EndpointEnabled), "pub_1", true},
		{"one of its patterns", endpoint(postback.EndpointEnabled, "exchange.*", "conversion.*"), "pub_1", true},
		{"none of its patterns", endpoint(postback.EndpointEnabled, "exchange.*"), "pub_1", false},
		{"another publisher", endpoint(postback.EndpointEnabled), "pub_2", false},
		{"paused: it waits", endpoint(postback.EndpointPaused), "pub_1", true},
		{"deleted", endpoint(postback.EndpointDeleted), "pub_1", false},
	}
	for _, tt := range tests {
		if got := tt.endpoint.Wants(tt.publisher, "conversion.completed"); got != tt.want {
			t.Errorf("%s: got %t, want %t", tt.name, got, tt.want)
		}
	}
}
