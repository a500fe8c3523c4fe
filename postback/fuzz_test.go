package postback_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/waybillhq/waybill/postback"
)

func FuzzParseEvent(f *testing.F) {
	for _, seed := range []string{
		`{"id":"tx-1","type":"conversion.completed","publisher":"pub_1","data":{"a":1.50},"occurred_at":"2026-01-31T12:00:00Z"}`,
		`{"type":"exchange.finished","publisher":"pub_1","data":{"b":[1e2,{"c":"<&>"}],"a":12345678901234567890}}`,
		`{"type":"conversion.*","publisher":"","data":null}`,
		"{\"publi\u017fher\":\"x\",\"data\":{\"\u2028\":\"\\ud800\"}}",
		`{"type":1,"type":2}`,
		`[]`,
		` {"data" : { "b" : [ 1 , -2.50, true,{"d":null , "c":[]}, "<&>é"] , "a":{} } , "publisher":"p", "type":"conversion.completed" } `,
		`{"type":"conversion.completed","publisher":"p","data":{"a":01}}`,
		`{"type":"conversion.completed","publisher":"p","data":{"a":1,"a":2}}`,
		`{"type":"conversion.completed","publisher":"p","data":{"a":tru,"b":1,}}`,
		`{"type":"conversion.completed","publisher":"p","data":{}}` + "\x00behind",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		event, err := postback.ParseEvent(text)
		expectTheSame(t, text, event, err)
		if err != nil {
			var refused *postback.Error
			if !errors.As(err, &refused) || refused.Code == "" || refused.Message == "" {
				t.Fatalf("%q: %v is no domain error", text, err)
			}
			return
		}
		if err := postback.CheckEventType(event.Type); err != nil {
			t.Errorf("accepted a type that is none: %v", err)
		}
		expectSameAgain(t, event)
	})
}

// expectTheSame checks that the careful reader reads the same, or refuses it for the
// same reason.
func expectTheSame(t *testing.T, text []byte, event postback.Event, err error) {
	t.Helper()
	if len(text) > postback.MaxEventBytes {
		return
	}
	careful, reason := postback.ParseCarefully(text)
	if fmt.Sprint(err) != fmt.Sprint(reason) || !reflect.DeepEqual(event, careful) {
		t.Errorf("%q: %+v, %v; read with care: %+v, %v", text, event, err, careful, reason)
	}
}

// expectSameAgain checks that an accepted event is accepted again from what was
// kept of it, as the same content.
func expectSameAgain(t *testing.T, event postback.Event) {
	t.Helper()
	again := map[string]any{"type": event.Type, "publisher": event.Publisher, "data": event.Data}
	if event.ID != "" {
		again["id"] = event.ID
	}
	if !event.OccurredAt.IsZero() {
		again["occurred_at"] = event.OccurredAt
	}
	text, err := postback.EncodeJSON(again)
	if err != nil {
		t.Fatalf("encode again: %v", err)
	}
	if len(text) > postback.MaxEventBytes {
		return
	}
	read, err := postback.ParseEvent(text)
	if err != nil {
		t.Fatalf("parse %s again: %v", text, err)
	}
	if !bytes.Equal(read.Data, event.Data) || !bytes.Equal(read.Digest, event.Digest) || read.ID != event.ID {
		t.Errorf("%s was read as another event", text)
	}
}

func FuzzDecodeObject(f *testing.F) {
	for _, seed := range []string{
		`{"name":"a","count":3,"rate":0.5,"tags":["x"],"labels":{"k":"v"},"wait":"1m"}`,
		`{"count":1e400}`,
		`{"wait":"1000000h1x"}`,
		`{"inner":{"Leaf":{}}}`,
		`{"a":1,"\u0061":2}`,
		`{"tagſ":[]}`,
		`{} {}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		err := postback.DecodeObject(text, &request{})
		if err == nil {
			var names map[string]json.RawMessage
			if err := json.Unmarshal(text, &names); err != nil {
				t.Fatalf("accepted what is no object: %q: %v", text, err)
			}
			for name := range names {
				switch name {
				case "name", "count", "rate", "small", "on", "tags", "labels", "wait", "inner":
				default:
					t.Errorf("accepted the unknown field %q", name)
				}
			}
			return
		}
		var refused *postback.Error
		if !errors.As(err, &refused) || refused.Code == "" || refused.Message == "" {
			t.Fatalf("%q: %v is no domain error", text, err)
		}
	})
}
