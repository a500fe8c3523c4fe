package postback_test

import (
	"testing"

	"github.com/waybillhq/waybill/postback"
)

func TestInFlightLimit(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name                        string
		asked, standard, most, want int
	}{
		{"nothing asked for", 0, 16, 32, 16},
		{"the standard is the operator's", 0, 100, 32, 100},
		{"fewer", 1, 16, 32, 1},
		{"more", 20, 16, 32, 20},
		{"more than there are for one", 1024, 16, 32, 32},
		{"more than the standard, which is above that", 1024, 100, 32, 100},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := (postback.Endpoint{EndpointSettings: postback.EndpointSettings{MaxInFlight: tt.asked}}).InFlightLimit(tt.standard, tt.most); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}
