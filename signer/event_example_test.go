package signer_test

import (
	"strings"
	"testing"

	"github.com/waybillhq/waybill/signer"
)

// usualTypes are event types, with what only their examples hold.
func usualTypes(scheme string) map[string]string {
	switch scheme {
	case "besitos":
		return map[string]string{
			"conversion.completed": `"goal_id":"goal_3","note":"Example & test"}`, "conversion.reversed": `"reverse":1`, "conversion.reconciled": `"reverse":1`,
			"conversion.screenout": `"type":"survey"`, "conversion.start_bonus": `"type":"deal"`,
		}
	case "bitlabs":
		return map[string]string{
			"conversion.completed": `"offer_state":"COMPLETED"`, "conversion.pending": `"offer_state":"PENDING"`,
			"conversion.reversed": `"offer_state":"RECONCILED"`, "conversion.reconciled": `"ref":"tx_1004"`,
			"conversion.screenout": `"type":"SCREENOUT"`, "conversion.start_bonus": `"type":"START_BONUS"`,
		}
	case "simpleswap":
		return map[string]string{"exchange.finished": `"status":"finished"`, "exchange.refunded": `"status":"refunded"`, "exchange.waiting": `"status":"waiting"`}
	default:
		return map[string]string{
			"conversion.completed": `"reward":150`, "conversion.reversed": `"reward":-150`, "conversion.screenout": `"reward":5`, "exchange.failed": `"status":"failed"`,
		}
	}
}

func TestExamplesFitTheEvent(t *testing.T) {
	t.Parallel()
	for _, scheme := range signer.Names() {
		for eventType, want := range usualTypes(scheme) {
			data := signer.Example(scheme, eventType)
			if !strings.Contains(string(data), want) {
				t.Errorf("%s, %s: %s lacks %s", scheme, eventType, data, want)
			}
			if err := lookup(t, scheme).CheckData(data); err != nil {
				t.Errorf("%s, %s: %v", scheme, eventType, err)
			}
		}
	}
	pending, done := string(signer.Example("bitlabs", "conversion.pending")), string(signer.Example("bitlabs", "conversion.completed"))
	if want := `"tx":"tx_1001"`; !strings.Contains(pending, want) || !strings.Contains(done, want) {
		t.Errorf("the states of an offer do not share a transaction: %s, %s", pending, done)
	}
}
