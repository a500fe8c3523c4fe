package egress_test

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"testing"

	"github.com/waybillhq/waybill/internal/egress"
)

func forbidden() []string {
	return []string{
		"127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255",
		"172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255", "169.254.169.254", "169.254.0.1",
		"100.64.0.0", "100.127.255.255", "192.0.0.8", "192.0.2.1", "198.51.100.1", "203.0.113.1",
		"198.18.0.1", "198.19.255.255", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		"168.63.129.16",
		"::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::7f00:1", "::8.8.8.8",
		"::ffff:0:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b::8.8.8.8", "64:ff9b:1::1", "64:ff9b:1:ffff::1",
		"2002:7f00:1::", "2002:808:808::1", "2001::1", "2001:0:ffff::1",
		"fc00::1", "fd12:3456::1", "fe80::1", "febf::1", "fec0::1", "feff::1", "ff02::1", "ff0e::1",
		"100::1", "2001:db8::1", "3fff::1", "3fff:fff::1", "5f00::1",
	}
}

func permitted() []string {
	return []string{
		"8.8.8.8", "1.0.0.1", "9.255.255.255", "11.0.0.1", "172.15.255.255", "172.32.0.1",
		"100.63.255.254", "100.128.0.1", "192.0.1.1", "192.0.3.1", "192.167.255.255", "192.169.0.1",
		"169.253.255.255", "169.255.0.1", "198.17.255.255", "198.20.0.1", "223.255.255.255", "128.0.0.1",
		"168.63.129.15", "168.63.129.17", "126.255.255.255",
		"2606:4700::1111", "2001:1::1", "2001:4860:4860::8888", "2003::1", "3fff:1000::1", "2a00::1",
	}
}

func literal(addr string) string {
	return "http://" + net.JoinHostPort(addr, "80") + "/"
}

func TestForbiddenAddresses(t *testing.T) {
	t.Parallel()
	for _, addr := range forbidden() {
		t.Run(addr, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, egress.Options{Resolver: names{
				"receiver.example.com": addrs(addr),
				"mixed.example.com":    addrs("8.8.8.8", addr),
			}})
			expectRefusal(t, client.CheckURL(literal(addr)), egress.CodeDenied)
			for _, target := range []string{literal(addr), "http://receiver.example.com/", "https://mixed.example.com/"} {
				expectFailure(t, get(t, client, target), egress.Refused, egress.CodeDenied)
			}
		})
	}
}

// A client without an address of the right family stops after the policy and
// before the first packet, so that public addresses can stand in the table.
func TestPermittedAddresses(t *testing.T) {
	t.Parallel()
	for _, addr := range permitted() {
		t.Run(addr, func(t *testing.T) {
			t.Parallel()
			source := "127.0.0.1"
			if netip.MustParseAddr(addr).Is4() {
				source = "::1"
			}
			client := newClient(t, egress.Options{
				Addresses: addrs(source), Resolver: names{"receiver.example.com": addrs(addr)},
			})
			if err := client.CheckURL(literal(addr)); err != nil {
				t.Error(err)
			}
			for _, target := range []string{literal(addr), "http://receiver.example.com/"} {
				expectFailure(t, get(t, client, target), egress.Failed, egress.CodeFamily)
			}
		})
	}
}

func TestAllowOpensItsPrefixAlone(t *testing.T) {
	t.Parallel()
	client := newClient(t, egress.Options{Allow: prefixes("10.1.0.0/16", "fd00::/64")})
	for addr, allowed := range map[string]bool{
		"10.1.2.3": true, "10.2.0.1": false, "127.0.0.1": false, "::ffff:10.1.2.3": false,
		"fd00::1": true, "fd00:0:0:1::1": false,
	} {
		if err := client.CheckURL(literal(addr)); (err == nil) != allowed {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

func TestOwnAddressIsForbidden(t *testing.T) {
	t.Parallel()
	own := addrs("127.0.0.2", "::1")
	client := newClient(t, egress.Options{Addresses: own, Allow: prefixes("127.0.0.0/8", "::/64")})
	for _, addr := range own {
		expectRefusal(t, client.CheckURL(literal(addr.String())), egress.CodeDenied)
	}
	if err := client.CheckURL(literal("127.0.0.1")); err != nil {
		t.Error(err)
	}
	client = newClient(t, egress.Options{Addresses: own, Allow: prefixes("127.0.0.2/32", "::1/128")})
	for _, addr := range own {
		if err := client.CheckURL(literal(addr.String())); err != nil {
			t.Error(err)
		}
	}
}

// The addresses of this host that are not reserved anyhow differ from host to
// host: every one that there is must be refused.
func TestHostAddressesAreForbidden(t *testing.T) {
	t.Parallel()
	client := newClient(t, egress.Options{Allow: prefixes("0.0.0.0/0", "::/0")})
	entries, err := net.InterfaceAddrs()
	if err != nil || len(entries) == 0 {
		t.Fatal("no addresses:", err)
	}
	for _, entry := range entries {
		addr := netip.MustParsePrefix(entry.String()).Addr().WithZone("")
		if refused := client.CheckURL(literal(addr.String())) != nil; refused == addr.IsLoopback() {
			t.Errorf("%s: refused is %t", addr, refused)
		}
	}
}

func TestNameThatTurnsPrivate(t *testing.T) {
	t.Parallel()
	server := receiver(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") })
	answers := make(chan string, 2)
	options := local()
	options.Resolver = lookup(func(context.Context) ([]netip.Addr, error) { return addrs(<-answers), nil })
	client := newClient(t, options)
	if err := client.CheckURL(named(t, server.URL)); err != nil {
		t.Fatal(err)
	}
	answers <- "127.0.0.1"
	expectStatus(t, get(t, client, named(t, server.URL)), http.StatusOK)
	answers <- "10.0.0.1"
	expectFailure(t, get(t, client, named(t, server.URL)), egress.Refused, egress.CodeDenied)
}

func TestLocalhostIsWhatIsAllowed(t *testing.T) {
	t.Parallel()
	server := receiver(t, ok)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"localhost", "LOCALHOST.", "any.localhost"} {
		target := "http://" + host + ":" + u.Port() + "/"
		open := newClient(t, egress.Options{Allow: prefixes("127.0.0.0/8"), Resolver: names{}})
		if err := open.CheckURL(target); err != nil {
			t.Error(err)
		}
		expectStatus(t, get(t, open, target), http.StatusOK)
		closed := newClient(t, egress.Options{Allow: prefixes("10.0.0.0/8"), Resolver: names{}})
		expectFailure(t, get(t, closed, target), egress.Refused, egress.CodeDenied)
	}
}
