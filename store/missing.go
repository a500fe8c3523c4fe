package store

import (
	"slices"

	"github.com/waybillhq/waybill/postback"
)

// Missing are copies of those deliveries of an event whose endpoints have none of
// it yet: nobody gets an event twice.
func Missing(have, wanted []postback.Delivery) []postback.Delivery {
	all := slices.Clone(have)
	var missing []postback.Delivery
	for _, one := range wanted {
		if !slices.ContainsFunc(all, func(d postback.Delivery) bool { return d.EndpointID == one.EndpointID }) {
			all, missing = append(all, one), append(missing, one)
		}
	}
	return missing
}
