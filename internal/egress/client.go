// Package egress is the one way out of this host.
//
// It guarantees that a request leaves from the configured source address or not
// at all, that it goes to no address the policy forbids, however the URL or the
// DNS spells it, and that one [Client.Send] puts one request before the receiver:
// only one that was lost with a kept connection is sent once more, and the result
// says so. No redirect is followed. Whatever the peer does, a Send ends at its deadline and holds no
// more of the answer than its cap.
package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"
)

// Resolver finds the addresses of a host; network is "ip", for both families.
// A failed lookup is a failed attempt. [net.Resolver] is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Options configures a [Client]. The zero value sends directly, from an address
// that the system chooses, to public addresses only.
type Options struct {
	// Addresses are the source addresses: at most one IPv4 and one IPv6. A
	// family without a source address is not used, unless there is none at all.
	Addresses []netip.Addr
	// Proxy is a socks5:// or http:// proxy, with user info if it asks for it.
	// It gets checked addresses, never names. The environment's proxy
	// variables are ignored.
	Proxy *url.URL
	// Advertised are the addresses that receivers see, when they are others than
	// Addresses.
	Advertised []netip.Addr
	// Allow opens private and loopback ranges. What is our own is opened only by
	// a prefix that is that address alone: every address of this host, the
	// advertised ones, and the ports of loopback on which this process listens.
	Allow []netip.Prefix
	// Interfaces lists this host's addresses; it is asked again while the client
	// is used. Default: the system's.
	Interfaces func() ([]netip.Addr, error)
	// ConnectTimeout bounds lookup, connection and TLS handshake together.
	// Default: 5s.
	ConnectTimeout time.Duration
	// MaxReadBody bounds how many bytes of a response's body are read.
	// Default: 16 KiB.
	MaxReadBody int64
	// Resolver is asked for names. Default: the system's, from whatever
	// address the system chooses.
	Resolver Resolver
	// Dialer opens sockets. Default: the system's.
	Dialer Dialer
	// RootCAs are the certificate authorities. Default: the system's.
	RootCAs *x509.CertPool
	// UserAgent is sent unless a request brings its own. Default: "Waybill".
	UserAgent string
}

// Client sends requests. It is safe for concurrent use.
type Client struct {
	policy         *policy
	source4        netip.Addr
	source6        netip.Addr
	proxy          *url.URL
	resolver       Resolver
	dialer         Dialer
	tls            *tls.Config
	transport      *http.Transport
	once           *http.Transport // every request on a connection of its own
	connectTimeout time.Duration
	maxReadBody    int64
	userAgent      string
	dials          dials
}

// New makes a client. It fails when an option is invalid, or when a source
// address is not assigned to this host.
func New(options Options) (*Client, error) {
	c := &Client{
		proxy:          options.Proxy,
		resolver:       options.Resolver,
		dialer:         options.Dialer,
		connectTimeout: orDefault(options.ConnectTimeout, 5*time.Second),
		maxReadBody:    orDefault(options.MaxReadBody, 16<<10),
		userAgent:      options.UserAgent,
		dials:          dials{closing: make(chan struct{})},
	}
	if c.resolver == nil {
		c.resolver = newSystemResolver((&net.Dialer{}).DialContext)
	}
	if c.dialer == nil {
		c.dialer = dialSystem
	}
	if c.userAgent == "" {
		c.userAgent = "Waybill"
	}
	if err := c.useSources(options.Addresses); err != nil {
		return nil, err
	}
	if err := checkProxy(options.Proxy); err != nil {
		return nil, err
	}
	own, err := newOwn(slices.Concat(options.Addresses, options.Advertised), options.Interfaces)
	if err != nil {
		return nil, err
	}
	c.policy = newPolicy(options.Allow, own)
	c.tls = &tls.Config{
		MinVersion:         tls.VersionTLS12,
		RootCAs:            options.RootCAs,
		NextProtos:         []string{"h2", "http/1.1"},
		ClientSessionCache: tls.NewLRUClientSessionCache(4096),
	}
	c.transport = c.newTransport()
	c.once = c.newTransport()
	c.once.DisableKeepAlives = true
	return c, nil
}

// newTransport leaves Transport.Proxy unset: that ignores the environment, and
// a configured proxy is spoken to by the dialer, below TLS and the policy.
func (c *Client) newTransport() *http.Transport {
	return &http.Transport{
		DialContext:         c.dial,
		DialTLSContext:      c.dialTLS,
		ForceAttemptHTTP2:   true,
		DisableCompression:  true,
		MaxIdleConns:        4096,
		MaxIdleConnsPerHost: 1024, // as many as attempts may be under way by default
		// Shorter than the 5s after which common servers hang up, so that a
		// request seldom meets a connection that is just being closed.
		IdleConnTimeout:        4 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		HTTP2: &http.HTTP2Config{
			MaxReceiveBufferPerConnection: 256 << 10,
			MaxReceiveBufferPerStream:     64 << 10,
			// A peer that vanished must not keep its shared connection.
			SendPingTimeout:  5 * time.Second,
			PingTimeout:      5 * time.Second,
			WriteByteTimeout: 10 * time.Second,
		},
	}
}

// Close ends dials under way and closes idle connections. Call it when every
// Send has returned.
func (c *Client) Close() {
	c.dials.close()
	c.transport.CloseIdleConnections()
	c.once.CloseIdleConnections()
}

func orDefault[T time.Duration | int64](value, byDefault T) T {
	if value <= 0 {
		return byDefault
	}
	return value
}
