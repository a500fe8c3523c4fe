package egress_test

import (
	"context"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waybillhq/waybill/internal/egress"
)

// host is one with these addresses.
func host(texts ...string) func() ([]netip.Addr, error) {
	return func() ([]netip.Addr, error) { return addrs(texts...), nil }
}

// A configured source address used to hide the host's other addresses.
func TestEveryOwnAddressIsRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		options egress.Options
		target  string
	}{
		"unspecified":             {egress.Options{}, "http://0.0.0.0/"},
		"unspecified IPv6":        {egress.Options{}, "http://[::]/"},
		"unspecified, mapped":     {egress.Options{}, "http://[::ffff:0.0.0.0]/"},
		"another interface":       {egress.Options{Addresses: addrs("127.0.0.2")}, "http://192.0.2.7/"},
		"another family":          {egress.Options{Addresses: addrs("127.0.0.2")}, "http://[2001:db8::7]/"},
		"without a source":        {egress.Options{}, "http://192.0.2.7/"},
		"source":                  {egress.Options{Addresses: addrs("127.0.0.2")}, "http://127.0.0.2/"},
		"advertised":              {egress.Options{Advertised: addrs("198.51.100.9")}, "http://198.51.100.9/"},
		"advertised, with source": {egress.Options{Addresses: addrs("127.0.0.2"), Advertised: addrs("2001:db8::9")}, "http://[2001:db8::9]/"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.options.Interfaces = host("127.0.0.1", "::1", "192.0.2.7", "2001:db8::7")
			test.options.Allow = prefixes("0.0.0.0/0", "::/0")
			client := newClient(t, test.options)
			expectRefusal(t, client.CheckURL(test.target), egress.CodeDenied)
			expectFailure(t, get(t, client, test.target), egress.Refused, egress.CodeDenied)

			test.options.Allow = prefixes("192.0.2.7/32", "2001:db8::7/128", "127.0.0.2/32", "198.51.100.9/32", "2001:db8::9/128",
				"0.0.0.0/32", "::/128", "::ffff:0.0.0.0/128")
			if err := newClient(t, test.options).CheckURL(test.target); err != nil {
				t.Errorf("allowed by name: %v", err)
			}
		})
	}
}

func TestOwnAddressesAreFollowed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := addrs("192.0.2.7")
		client := newClient(t, egress.Options{
			Allow:      prefixes("192.0.2.0/24"),
			Interfaces: func() ([]netip.Addr, error) { return now, nil },
		})
		now = addrs("192.0.2.8")
		time.Sleep(2 * time.Second) //nolint:forbidigo // of the bubble's clock
		expectRefusal(t, client.CheckURL("http://192.0.2.8/"), egress.CodeDenied)
		if err := client.CheckURL("http://192.0.2.7/"); err != nil {
			t.Errorf("an address that left the host: %v", err)
		}
	})
}

// The list that was read last holds while it cannot be read again.
func TestOwnAddressesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		options := egress.Options{Allow: prefixes("192.0.2.0/24"), Interfaces: func() ([]netip.Addr, error) {
			if broken.Load() {
				return nil, net.ErrClosed
			}
			return addrs("192.0.2.7"), nil
		}}
		client := newClient(t, options)
		broken.Store(true)
		time.Sleep(2 * time.Second) //nolint:forbidigo // of the bubble's clock
		expectRefusal(t, client.CheckURL("http://192.0.2.7/"), egress.CodeDenied)
		if _, err := egress.New(options); err == nil {
			t.Error("a client was made that knows no address of its host")
		}
	})
}

// Opening loopback for local receivers does not open our own ports there.
func TestWhereWeListenIsRefused(t *testing.T) {
	t.Parallel()
	for listening, test := range map[string]struct{ refused, reached []string }{
		"127.0.0.1:8480": {
			[]string{"http://127.0.0.1:8480/", "https://127.0.0.1:8480/metrics"},
			[]string{"http://localhost:8480/", "http://127.0.0.1:8481/", "http://127.0.0.1/", "http://127.0.0.9:8480/"},
		},
		"0.0.0.0:80": {
			[]string{"http://127.0.0.1/", "http://127.7.7.7:80/", "http://localhost/"},
			[]string{"https://127.0.0.1/", "http://127.0.0.1:8480/"},
		},
		"[::]:443": {
			[]string{"https://127.0.0.1/", "https://[::1]/", "http://127.0.0.1:443/"},
			[]string{"http://127.0.0.1/"},
		},
		"[::1]:8480": {
			[]string{"http://[::1]:8480/"},
			[]string{"http://127.0.0.1:8480/", "http://localhost:8480/"},
		},
	} {
		t.Run(listening, func(t *testing.T) {
			t.Parallel()
			options := egress.Options{Allow: prefixes("127.0.0.0/8", "::/64"), Resolver: names{}}
			client := newClient(t, options)
			client.Listens(netip.MustParseAddrPort(listening))
			for _, target := range test.refused {
				expectRefusal(t, client.CheckURL(target), egress.CodeDenied)
				expectFailure(t, get(t, client, target), egress.Refused, egress.CodeDenied)
			}
			for _, target := range test.reached {
				if err := client.CheckURL(target); err != nil {
					t.Error(err)
				}
			}
			options.Allow = prefixes("127.0.0.1/32", "::1/128")
			named := newClient(t, options)
			named.Listens(netip.MustParseAddrPort(listening))
			if err := named.CheckURL(test.refused[0]); err != nil {
				t.Errorf("allowed by name: %v", err)
			}
		})
	}
}

func TestSourceAddressIsAvailable(t *testing.T) {
	t.Parallel()
	client := newClient(t, egress.Options{Addresses: addrs("127.0.0.2", "::1")})
	if err := client.Available(t.Context()); err != nil {
		t.Error(err)
	}
	client.MoveSource(netip.MustParseAddr("198.51.100.7"))
	if err := client.Available(t.Context()); err == nil || !strings.Contains(err.Error(), "198.51.100.7 is not assigned to this host") {
		t.Errorf("got %v", err)
	}
	if err := newClient(t, egress.Options{}).Available(t.Context()); err != nil {
		t.Errorf("without a source: %v", err)
	}
}

// Only the system's word that the address is not there says so: whoever has no
// descriptor left to ask with has not lost it.
func TestWhySourceAddressCannotBeBound(t *testing.T) {
	t.Parallel()
	addr := netip.MustParseAddr("192.0.2.7")
	for cause, code := range map[syscall.Errno]string{
		syscall.EADDRNOTAVAIL: egress.CodeSource, syscall.EAFNOSUPPORT: egress.CodeSource,
		syscall.EMFILE: egress.CodeExhausted, syscall.ENFILE: egress.CodeExhausted,
		syscall.ENOBUFS: egress.CodeExhausted, syscall.ENOMEM: egress.CodeExhausted,
	} {
		failure := egress.SourceFailure(t.Context(), addr, &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", cause)})
		if failure.Code != code || !strings.Contains(failure.Message, "192.0.2.7") || !strings.Contains(failure.Message, cause.Error()) {
			t.Errorf("%v: got %+v", cause, failure)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if failure := egress.SourceFailure(ended, addr, context.Canceled); failure.Code != egress.CodeCanceled {
		t.Errorf("a look that was given up: %+v", failure)
	}
}
