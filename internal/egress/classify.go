package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
)

func dnsFailure(ctx context.Context, host string, err error) *Failure {
	switch {
	case notFound(err):
		return failed(CodeDNS, host+" does not resolve: no such host")
	// The standard resolver keeps the text of a socket's error and not the error.
	case exhausted(err) || strings.Contains(err.Error(), syscall.EMFILE.Error()):
		return infrastructure(CodeExhausted, "no file descriptor is left to resolve "+host)
	case errors.Is(err, ErrResolverDown):
		return infrastructure(CodeResolver, "cannot resolve "+host+": "+ErrResolverDown.Error())
	case timedOut(ctx, err):
		return failed(CodeDNS, "resolving "+host+" took too long")
	default:
		return failed(CodeDNS, "resolving "+host+" failed")
	}
}

func connectFailure(ctx context.Context, source netip.Addr, target netip.AddrPort, err error) *Failure {
	what := "connect to " + target.String()
	switch {
	case exhausted(err):
		return infrastructure(CodeExhausted, what+": "+errno(err))
	case bindFailed(err):
		return infrastructure(CodeSource, fmt.Sprintf("egress address %s cannot be bound: %s", source, errno(err)))
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return infrastructure(CodeExhausted, what+": no local port is left")
	case errors.Is(err, syscall.ECONNREFUSED):
		return failed(CodeConnectRefused, what+": connection refused")
	case timedOut(ctx, err):
		return failed(CodeConnectTimeout, what+": no answer in time")
	default:
		return failed(CodeConnect, what+": "+errno(err))
	}
}

// exchangeFailure classifies what went wrong on an established connection.
func exchangeFailure(err error, exchange *exchange) *Failure {
	answered := exchange.answered.Load()
	switch {
	// TLS 1.3 refuses a missing client certificate after the handshake, and the
	// alert that says so may be lost with the connection.
	case !answered && exchange.conn != nil && exchange.conn.wantsCertificate.Load():
		return clientCertificateWanted()
	case alertOf(err) != "":
		code, why := alertFailure(alertOf(err))
		return failed(code, plain(why))
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return failed(CodeReset, "the connection was reset before the status")
	case !answered || closedByPeer(err):
		return failed(CodeClosed, "the connection was closed before the status")
	default:
		return failed(CodeInvalidResponse, "the answer is not valid HTTP, or its headers are longer than 64 KiB")
	}
}

// unreachable reports whether a connection failed for the lack of a route. IPv6
// says that no address is available when the host has none to send from.
func unreachable(err error, source netip.Addr) bool {
	return errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EHOSTUNREACH) ||
		errors.Is(err, syscall.EADDRNOTAVAIL) && !bindFailed(err) && !source.IsValid()
}

// bindFailed tells a source address that is gone from one without free ports.
func bindFailed(err error) bool {
	var call *os.SyscallError
	return errors.As(err, &call) && call.Syscall == "bind"
}

func exhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) ||
		errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM)
}

func timedOut(ctx context.Context, err error) bool {
	var network net.Error
	return ctx.Err() != nil || errors.As(err, &network) && network.Timeout()
}

// errno leaves out the addresses that a network error repeats.
func errno(err error) string {
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return number.Error()
	}
	return "failed"
}
