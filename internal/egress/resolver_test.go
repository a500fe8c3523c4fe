package egress_test

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/waybillhq/waybill/internal/egress"
)

// zone says what a server of names answers; a code that is not there is silence.
type zone map[string]dnsmessage.RCode

const (
	silent  = dnsmessage.RCode(99)
	theRoot = "."
	theName = "receiver.example.com."

	mappedName = "mapped.example.com." // has an AAAA record with an IPv4 address
)

// nameServer answers over UDP: a name that is fine is 127.0.0.1.
func nameServer(t *testing.T, answers *atomic.Pointer[zone]) string {
	t.Helper()
	var config net.ListenConfig
	server, err := config.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		packet := make([]byte, 1500)
		for {
			n, from, err := server.ReadFrom(packet)
			if err != nil {
				return
			}
			if reply := replyTo(packet[:n], *answers.Load()); reply != nil {
				_, _ = server.WriteTo(reply, from)
			}
		}
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
	return server.LocalAddr().String()
}

func replyTo(packet []byte, answers zone) []byte {
	var message dnsmessage.Message
	if message.Unpack(packet) != nil || len(message.Questions) != 1 {
		return nil
	}
	asked := message.Questions[0]
	code, known := answers[asked.Name.String()]
	if !known {
		code = dnsmessage.RCodeNameError
	}
	if code == silent {
		return nil
	}
	message.Response, message.RecursionAvailable, message.RCode = true, true, code
	message.Additionals = nil
	header := dnsmessage.ResourceHeader{Name: asked.Name, Class: dnsmessage.ClassINET, TTL: 60}
	switch {
	case code != dnsmessage.RCodeSuccess:
	case asked.Type == dnsmessage.TypeA && asked.Name.String() == theName:
		message.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}}}
	case asked.Type == dnsmessage.TypeAAAA && asked.Name.String() == mappedName:
		mapped := dnsmessage.AAAAResource{AAAA: netip.MustParseAddr("::ffff:127.0.0.1").As16()}
		message.Answers = []dnsmessage.Resource{{Header: header, Body: &mapped}}
	case asked.Type == dnsmessage.TypeNS:
		server := dnsmessage.MustNewName("ns.example.com.")
		message.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.NSResource{NS: server}}}
	}
	reply, err := message.Pack()
	if err != nil {
		return nil
	}
	return reply
}

// resolvingAt is a client whose resolver is the server at an address.
func resolvingAt(t *testing.T, address string) *egress.Client {
	t.Helper()
	options := local()
	options.ConnectTimeout = 2 * time.Second
	options.Resolver = egress.NewSystemResolver(func(ctx context.Context, network, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, network, address)
	})
	return newClient(t, options)
}

// Whose failure it is that a name does not resolve.
func TestFailedLookups(t *testing.T) {
	t.Parallel()
	const fine, broken, missing = dnsmessage.RCodeSuccess, dnsmessage.RCodeServerFailure, dnsmessage.RCodeNameError
	for name, test := range map[string]struct {
		first, then zone // what the server says to a first lookup, if any, and to the one that counts
		kind        egress.Kind
		code        string
	}{
		"no such name":           {nil, zone{theName: missing, theRoot: fine}, egress.Failed, egress.CodeDNS},
		"the name's servers":     {nil, zone{theName: broken, theRoot: fine}, egress.Failed, egress.CodeDNS},
		"they are silent":        {nil, zone{theName: silent, theRoot: fine}, egress.Failed, egress.CodeDNS},
		"all is silent":          {nil, zone{theName: silent, theRoot: silent}, egress.Infrastructure, egress.CodeResolver},
		"it lost the root":       {zone{theName: fine, theRoot: fine}, zone{theName: broken, theRoot: broken}, egress.Infrastructure, egress.CodeResolver},
		"it never knew the root": {zone{theName: fine, theRoot: broken}, zone{theName: broken, theRoot: broken}, egress.Failed, egress.CodeDNS},
		"silent after the start": {zone{theName: fine, theRoot: missing}, zone{theName: silent, theRoot: silent}, egress.Infrastructure, egress.CodeResolver},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var answers atomic.Pointer[zone]
			client := resolvingAt(t, nameServer(t, &answers))
			if test.first != nil {
				answers.Store(&test.first)
				server := receiver(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") })
				expectStatus(t, get(t, client, named(t, server.URL)), http.StatusOK)
			}
			answers.Store(&test.then)
			expectFailure(t, get(t, client, "http://receiver.example.com/"), test.kind, test.code)
		})
	}
}

// An IPv4 address in an AAAA record is no way around the policy, even where the
// address itself is allowed.
func TestMappedAddressInTheDNS(t *testing.T) {
	t.Parallel()
	var answers atomic.Pointer[zone]
	answers.Store(&zone{mappedName: dnsmessage.RCodeSuccess, theRoot: dnsmessage.RCodeSuccess})
	client := resolvingAt(t, nameServer(t, &answers))
	expectFailure(t, get(t, client, "http://mapped.example.com/"), egress.Refused, egress.CodeDenied)
}

func TestAddressesOfTheHostsFileArePlain(t *testing.T) {
	t.Parallel()
	resolver := egress.NewSystemResolver((&net.Dialer{}).DialContext)
	found, err := resolver.LookupNetIP(t.Context(), "ip", "localhost")
	if err != nil || slices.ContainsFunc(found, netip.Addr.Is4In6) || !slices.Contains(found, netip.MustParseAddr("127.0.0.1")) {
		t.Errorf("got %v, %v", found, err)
	}
}

func TestResolverThatIsNotThere(t *testing.T) {
	t.Parallel()
	var config net.ListenConfig
	nobody, err := config.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = nobody.Close()
	client := resolvingAt(t, nobody.LocalAddr().String())
	expectFailure(t, get(t, client, "http://receiver.example.com/"), egress.Infrastructure, egress.CodeResolver)
}
