package schemes_test

import (
	"testing"

	"github.com/waybillhq/waybill/signer"
)

// An endpoint whose URL has every macro that a network documents gets every event
// that the network sends: what some of them lack is declared optional.
func TestEveryExampleHasAValueForEveryMacro(t *testing.T) {
	t.Parallel()
	catalogue, tried := load(t), 0
	for _, name := range catalogue.Names() {
		definition, err := catalogue.Define(name)
		if err != nil {
			t.Fatal(err)
		}
		declaration := definition.Declaration()
		if declaration.Data.Macros == nil {
			continue
		}
		url, separator := "https://example.com/", "?"
		for _, macro := range declaration.Data.Macros.Known {
			url += separator + "p_" + macro.Name + "=" + declaration.Data.Macros.Open + macro.Name + declaration.Data.Macros.Close
			separator = "&"
		}
		for _, example := range declaration.Examples {
			tried++
			if err := definition.CheckDelivery(signer.Target{URL: url}, example.Data, nil); err != nil {
				t.Errorf("%s: the example %s: %v", name, example.Data, err)
			}
		}
	}
	if tried == 0 {
		t.Fatal("no scheme has macros")
	}
}
