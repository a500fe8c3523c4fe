package egress

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"time"
)

func checkProxy(proxy *url.URL) error {
	switch {
	case proxy == nil:
		return nil
	case proxy.Scheme != "socks5" && proxy.Scheme != "http":
		return errors.New("egress proxy must be a socks5:// or http:// URL (--egress-proxy)")
	case proxy.Hostname() == "":
		return errors.New("egress proxy has no host (--egress-proxy)")
	default:
		return nil
	}
}

// tunnel connects to a checked address through the proxy. What the proxy says
// about the receiver is a failed attempt; what the proxy itself does wrong is
// not.
func (c *Client) tunnel(ctx context.Context, target netip.AddrPort) (net.Conn, *Failure) {
	raw, failure := c.connectProxy(ctx)
	if failure != nil {
		return nil, failure
	}
	// A blocked read of the handshake ends with the context.
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	if c.proxy.Scheme == "socks5" {
		failure = socksConnect(raw, c.proxy.User, target)
	} else {
		failure = httpConnect(raw, c.proxy.User, target)
	}
	if !stop() && failure == nil {
		failure = proxySilence(target, os.ErrDeadlineExceeded)
	}
	if failure == nil {
		return raw, nil
	}
	raw.Close()
	return nil, failure
}

// connectProxy connects to the proxy from the source address. The proxy is the
// operator's choice: no policy applies to its address.
func (c *Client) connectProxy(ctx context.Context) (net.Conn, *Failure) {
	port := c.proxy.Port()
	if port == "" {
		port = map[string]string{"socks5": "1080", "http": "80"}[c.proxy.Scheme]
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, proxyFailure("has an invalid port")
	}
	addrs, failure := c.lookupProxy(ctx)
	for _, addr := range addrs {
		var raw net.Conn
		raw, failure = c.connectDirectly(ctx, netip.AddrPortFrom(addr, uint16(number)))
		if failure == nil {
			return raw, nil
		}
	}
	if failure.Kind == Infrastructure {
		return nil, failure
	}
	return nil, proxyFailure("cannot be reached: " + failure.Message)
}

func (c *Client) lookupProxy(ctx context.Context) ([]netip.Addr, *Failure) {
	host := c.proxy.Hostname()
	addr, err := netip.ParseAddr(host)
	if err == nil {
		return c.reachable(host, []netip.Addr{addr.Unmap()})
	}
	addrs, err := c.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, dnsFailure(ctx, host, err)
	}
	if len(addrs) == 0 {
		return nil, failed(CodeDNS, host+" has no address")
	}
	return c.reachable(host, addrs)
}

// httpConnect asks an HTTP proxy for a tunnel (RFC 9110, section 9.3.6).
func httpConnect(raw net.Conn, user *url.Userinfo, target netip.AddrPort) *Failure {
	header := ""
	if user != nil {
		password, _ := user.Password()
		pair := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
		header = "Proxy-Authorization: Basic " + pair + "\r\n"
	}
	_, err := fmt.Fprintf(raw, "CONNECT %[1]s HTTP/1.1\r\nHost: %[1]s\r\n%[2]s\r\n", target, header)
	if err != nil {
		return proxyFailure("hung up")
	}
	// The receiver speaks second, so nothing but the proxy's answer can be buffered.
	reader := bufio.NewReader(io.LimitReader(raw, 16<<10))
	response, err := http.ReadResponse(reader, &http.Request{Method: http.MethodConnect})
	if err != nil {
		return proxySilence(target, err)
	}
	defer response.Body.Close()
	switch status := response.StatusCode; {
	case status == http.StatusOK && reader.Buffered() == 0:
		return nil
	case status == http.StatusBadGateway, status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		return failed(CodeConnect, fmt.Sprintf("connect to %s: the proxy answered %d", target, status))
	default:
		return proxyFailure(fmt.Sprintf("answered %d to CONNECT", status))
	}
}

// proxySilence judges a proxy that was asked for a receiver and gave no answer:
// when it merely takes long, it is waiting for the receiver.
func proxySilence(target netip.AddrPort, err error) *Failure {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return failed(CodeConnectTimeout, "connect to "+target.String()+" by the proxy: no answer in time")
	}
	return proxyFailure("hung up or does not speak its protocol")
}

func proxyFailure(message string) *Failure {
	return infrastructure(CodeProxy, "the egress proxy "+message)
}
