package egress_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/internal/egress"
)

func TestRequestsLeaveFromTheSourceAddress(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		sources []netip.Addr
		target  string
		want    string
	}{
		"IPv4":             {addrs("127.0.0.2"), "127.0.0.1", "127.0.0.2"},
		"IPv4 of both":     {addrs("::1", "127.0.0.3"), "127.0.0.1", "127.0.0.3"},
		"mapped":           {addrs("::ffff:127.0.0.4"), "127.0.0.1", "127.0.0.4"},
		"IPv6":             {addrs("::1"), "::1", "::1"},
		"the system's own": {nil, "127.0.0.1", "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := make(chan string, 1)
			server := receiverOn(t, test.target, func(_ http.ResponseWriter, r *http.Request) { seen <- r.RemoteAddr })
			options := egress.Options{Addresses: test.sources, Allow: prefixes("127.0.0.1/32", "::1/128")}
			result := get(t, newClient(t, options), server.URL+"/")
			expectStatus(t, result, http.StatusOK)
			remote := netip.MustParseAddrPort(<-seen).Addr().String()
			if remote != test.want || result.SourceIP.String() != test.want {
				t.Errorf("came from %s, result says %s", remote, result.SourceIP)
			}
		})
	}
}

func TestTargetOfTheOtherFamily(t *testing.T) {
	t.Parallel()
	options := local()
	options.Addresses = addrs("127.0.0.2")
	options.Resolver = names{"v6.example.com": addrs("::1")}
	client := newClient(t, options)
	for _, host := range []string{"v6.example.com", "[::1]"} {
		result := get(t, client, "http://"+host+"/")
		expectFailure(t, result, egress.Failed, egress.CodeFamily)
		if !strings.Contains(result.Failure.Message, "IPv6 addresses only and the egress address is IPv4") {
			t.Error(result.Failure.Message)
		}
	}
}

func TestSourceAddressThatCannotBe(t *testing.T) {
	t.Parallel()
	for name, addresses := range map[string][]netip.Addr{
		"not assigned":      addrs("198.51.100.7"),
		"IPv6 not assigned": addrs("2001:db8::7"),
		"one of two":        addrs("127.0.0.2", "2001:db8::7"),
		"two of a family":   addrs("127.0.0.2", "127.0.0.3"),
		"unspecified":       addrs("0.0.0.0"),
		"multicast":         addrs("224.0.0.1"),
		"zone":              addrs("fe80::1%lo"),
		"none":              {netip.Addr{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, err := egress.New(egress.Options{Addresses: addresses})
			if err == nil {
				client.Close()
				t.Fatal("the client was made")
			}
			if !strings.Contains(err.Error(), "--egress-ip") {
				t.Error(err)
			}
		})
	}
}

func TestSourceAddressThatIsGone(t *testing.T) {
	t.Parallel()
	server := receiver(t, func(http.ResponseWriter, *http.Request) { t.Error("the request arrived") })
	client := newClient(t, local())
	client.MoveSource(netip.MustParseAddr("198.51.100.7"))
	result := get(t, client, server.URL+"/")
	expectFailure(t, result, egress.Infrastructure, egress.CodeSource)
	if result.Sent {
		t.Error("something was sent")
	}
}
