package postback_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/postback"
)

// hidden stands in values, which no error may repeat.
const hidden = "hidden-value"

// expectRefusal checks that an error has the code and the field, says
// something, and repeats no value.
func expectRefusal(t *testing.T, err error, field string, code postback.Code) {
	t.Helper()
	var refused *postback.Error
	if !errors.As(err, &refused) {
		t.Fatalf("got %v, want a *postback.Error", err)
	}
	if refused.Code != code || refused.Field != field {
		t.Errorf("got code %q, field %q (%s), want %q, %q", refused.Code, refused.Field, refused.Message, code, field)
	}
	if refused.Message == "" {
		t.Error("the message is empty")
	}
	if strings.Contains(err.Error(), hidden) {
		t.Errorf("the error repeats a value: %v", err)
	}
}

func parse(t *testing.T, text string) postback.Event {
	t.Helper()
	event, err := postback.ParseEvent([]byte(text))
	if err != nil {
		t.Fatalf("parse %s: %v", text, err)
	}
	return event
}
