package notice_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/postback"
)

// The manual shows what `waybill example` sends.
func TestTheManualShowsEachEvent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	manual, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	scheme, err := b.Schemes.Define(postback.OperatorScheme)
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]string{}
	for line := range strings.Lines(string(manual)) {
		var body struct {
			Type string          `json:"type"`
			Data json.RawMessage `json:"data"`
		}
		if strings.HasPrefix(line, `{"type":`) && json.Unmarshal([]byte(line), &body) == nil {
			shown[body.Type] = string(body.Data)
		}
	}
	for _, eventType := range postback.NoticeTypes() {
		if want := string(scheme.Example(eventType)); shown[eventType] != want {
			t.Errorf("%s is shown as\n%s, want\n%s", eventType, shown[eventType], want)
		}
	}
}
