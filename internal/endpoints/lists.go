package endpoints

import (
	"slices"

	"github.com/waybillhq/waybill/postback"
)

// foldLists keeps once what a list says several times.
func foldLists(settings *postback.EndpointSettings) {
	settings.EventTypes, settings.AllowEmpty = once(settings.EventTypes), once(settings.AllowEmpty)
	settings.SuccessStatuses = once(settings.SuccessStatuses)
	settings.Retry.On, settings.Retry.StopOn = once(settings.Retry.On), once(settings.Retry.StopOn)
	if settings.Expect != nil {
		expected := *settings.Expect // of the caller
		expected.Duplicate = once(expected.Duplicate)
		settings.Expect = &expected
	}
}

func once[L ~[]T, T comparable](list L) L {
	kept := list[:0:0] // of nil nil
	for _, one := range list {
		if !slices.Contains(kept, one) {
			kept = append(kept, one)
		}
	}
	return kept
}
