package egress

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
)

// Bytes of SOCKS 5 (RFC 1928) and of its user name and password (RFC 1929).
const (
	socksVersion      = 5
	socksNoAuth       = 0
	socksPassword     = 2
	socksAuthVersion  = 1
	socksCommand      = 1
	socksIPv4         = 1
	socksName         = 3
	socksIPv6         = 4
	socksOK           = 0
	socksNetwork      = 3
	socksHost         = 4
	socksConnRefused  = 5
	socksTTLExpired   = 6
	socksLongestField = 255
)

// socksConnect asks a SOCKS 5 proxy for a connection to an address.
func socksConnect(raw net.Conn, user *url.Userinfo, target netip.AddrPort) *Failure {
	if failure := socksGreet(raw, user); failure != nil {
		return failure
	}
	request := []byte{socksVersion, socksCommand, 0, socksIPv4}
	if target.Addr().Is6() {
		request[3] = socksIPv6
	}
	request = append(request, target.Addr().AsSlice()...)
	request = append(request, byte(target.Port()>>8), byte(target.Port()&0xff))
	reply, err := socksAsk(raw, request, 4)
	if err != nil {
		return proxySilence(target, err)
	}
	if failure := socksReply(reply, target); failure != nil {
		return failure
	}
	return socksSkipAddress(raw, reply[3])
}

func socksGreet(raw net.Conn, user *url.Userinfo) *Failure {
	method := byte(socksNoAuth)
	if user != nil {
		method = socksPassword
	}
	chosen, err := socksAsk(raw, []byte{socksVersion, 1, method}, 2)
	switch {
	case err != nil || chosen[0] != socksVersion:
		return proxyFailure("hung up or does not speak SOCKS 5")
	case chosen[1] != method:
		return proxyFailure("refuses the way of authentication")
	case user == nil:
		return nil
	default:
		return socksLogIn(raw, user)
	}
}

func socksLogIn(raw net.Conn, user *url.Userinfo) *Failure {
	password, _ := user.Password()
	request := []byte{socksAuthVersion}
	for _, field := range []string{user.Username(), password} {
		if len(field) > socksLongestField {
			return proxyFailure("takes no user name or password of more than 255 bytes")
		}
		request = append(request, byte(len(field)&socksLongestField))
		request = append(request, field...)
	}
	if answer, err := socksAsk(raw, request, 2); err != nil || answer[1] != socksOK {
		return proxyFailure("refuses the user name and password")
	}
	return nil
}

// socksReply tells the proxy's own troubles from the receiver's.
func socksReply(reply []byte, target netip.AddrPort) *Failure {
	what := "connect to " + target.String() + " by the proxy: "
	if reply[0] != socksVersion {
		return proxyFailure("does not speak SOCKS 5")
	}
	switch reply[1] {
	case socksOK:
		return nil
	case socksNetwork, socksHost:
		return failed(CodeConnectUnreachable, what+"unreachable")
	case socksConnRefused:
		return failed(CodeConnectRefused, what+"connection refused")
	case socksTTLExpired:
		return failed(CodeConnectTimeout, what+"no answer in time")
	default:
		return proxyFailure("refuses or fails to connect")
	}
}

// socksSkipAddress reads the address that the proxy connected from.
func socksSkipAddress(raw net.Conn, kind byte) *Failure {
	length := map[byte]int{socksIPv4: 4, socksIPv6: 16}[kind]
	if kind == socksName {
		size, err := socksAsk(raw, nil, 1)
		if err != nil {
			return proxyFailure("hung up")
		}
		length = int(size[0])
	}
	if _, err := socksAsk(raw, nil, length+2); err != nil || length == 0 {
		return proxyFailure("gave no valid answer")
	}
	return nil
}

func socksAsk(raw net.Conn, request []byte, answer int) ([]byte, error) {
	if len(request) > 0 {
		if _, err := raw.Write(request); err != nil {
			return nil, fmt.Errorf("write to proxy: %w", err)
		}
	}
	reply := make([]byte, answer)
	if _, err := io.ReadFull(raw, reply); err != nil {
		return nil, fmt.Errorf("read from proxy: %w", err)
	}
	return reply, nil
}
