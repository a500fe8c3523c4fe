package e2e_test

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// A publisher must not aim at Waybill itself, neither by what was opened for
// local receivers nor by an address of the host that is not the egress address.
func TestOwnAddressesAreNoTargets(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "--egress-ip", "127.0.0.2", "--egress-allow", "0.0.0.0/0", "--egress-advertise", "198.51.100.7")
	targets := []string{s.url + "/metrics", "http://127.0.0.2/", "http://198.51.100.7/"}
	entries, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if addr := netip.MustParsePrefix(entry.String()).Addr(); addr.Is4() && !addr.IsLoopback() {
			targets = append(targets, "http://"+addr.String()+":8480/metrics")
		}
	}
	for _, target := range targets {
		_, err := s.CreateEndpoint(t.Context(), client.EndpointSpec{Publisher: "pub_1", Scheme: "bitlabs", EndpointSettings: postback.EndpointSettings{URL: target}})
		if err == nil || !strings.Contains(err.Error(), "this host's own address") && !strings.Contains(err.Error(), "where this server listens") {
			t.Errorf("%s: %v", target, err)
		}
	}
}
