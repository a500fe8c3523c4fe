package sim_test

import (
	"context"

	"github.com/waybillhq/waybill/internal/endpoints"
	"github.com/waybillhq/waybill/internal/registry"
)

// makeEndpoints makes the scenario's endpoints before any process starts.
func (w *world) makeEndpoints() {
	manager := endpoints.New(endpoints.Options{
		Ledger: w.ledger, Registry: registry.New(w.ledger), Sealer: w.keyring, Reach: anywhere{}, Schemes: w.schemes, Past: w.ledger,
	})
	for _, e := range w.scenario.endpoints {
		made, _, _, err := manager.Create(context.Background(), e.spec())
		if err != nil {
			panic(err)
		}
		if e.kind == sealed {
			made.Secrets[0].Sealed[len(made.Secrets[0].Sealed)-1] ^= 1
			if _, err := w.ledger.SaveEndpoint(context.Background(), made); err != nil {
				panic(err)
			}
		}
		e.id = made.ID
		w.names.set(e.id, e.name)
	}
}

// endpointOf is the endpoint of a delivery.
func (w *world) endpointOf(delivery string) *endpoint {
	name := w.names.of(delivery)
	for _, e := range w.scenario.endpoints {
		if len(name) > len(e.name) && name[len(name)-len(e.name)-1:] == ">"+e.name {
			return e
		}
	}
	panic("no endpoint has the delivery " + name)
}
