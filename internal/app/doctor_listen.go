package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/waybillhq/waybill/internal/config"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/sqlite"
)

// ledgerHeader names the ledger of the server that answers a health check.
const ledgerHeader = "Waybill-Ledger"

// checkListen binds what a server would listen on. beside says that a server with
// the same ledger listens there already.
func checkListen(ctx context.Context, cfg config.Config) (checks []Check, beside bool) {
	check, beside := checkAddress(ctx, cfg, "listen", cfg.Listen)
	checks = append(checks, check)
	switch {
	case cfg.HealthListen == "":
	case overlap(cfg.Listen, cfg.HealthListen):
		checks = append(checks, bad("health-listen address", fmt.Errorf("%s is what --listen %s takes", cfg.HealthListen, cfg.Listen),
			"give --health-listen a port of its own"))
	default:
		check, same := checkAddress(ctx, cfg, "health-listen", cfg.HealthListen)
		checks, beside = append(checks, check), beside || same
	}
	return checks, beside
}

func checkAddress(ctx context.Context, cfg config.Config, setting, address string) (check Check, beside bool) {
	name := setting + " address"
	var config net.ListenConfig
	opened, err := config.Listen(ctx, "tcp", address)
	if err == nil {
		_ = opened.Close()
		return good(name, "%s is free", address), false
	}
	if errors.Is(err, syscall.EADDRNOTAVAIL) {
		return bad(name, err, "give --"+setting+" an address of this host, or 0.0.0.0 for all of them"), false
	}
	remedy := "stop what listens there, or name another address with --" + setting
	theirs, runs := runningLedger(ctx, address)
	if !runs {
		return bad(name, err, remedy), false
	}
	if ours, err := identityOf(ctx, cfg); err == nil && ours != "" && ours == theirs {
		return good(name, "a running waybill with this ledger listens on %s", address), true
	}
	return bad(name, fmt.Errorf("a running waybill with another ledger listens on %s", address), remedy), false
}

// overlap reports whether a server that listens on one of two addresses keeps
// another one from the other.
func overlap(a, b string) bool {
	one, err := net.ResolveTCPAddr("tcp", a)
	if err != nil {
		return false // its own check says what is wrong
	}
	two, err := net.ResolveTCPAddr("tcp", b)
	return err == nil && one.Port != 0 && one.Port == two.Port && (covers(one.IP, two.IP) || covers(two.IP, one.IP))
}

// covers reports whether who listens on an address, or on all of them, has another
// one, too.
func covers(all, one net.IP) bool {
	return all == nil || all.Equal(net.IPv6unspecified) || all.Equal(one) || all.Equal(net.IPv4zero) && one.To4() != nil
}

// identityOf is the identity of the ledger that the settings name, empty when it
// is not there yet.
func identityOf(ctx context.Context, cfg config.Config) (string, error) {
	path, embedded := sqlitePath(cfg)
	if embedded && !exists(path) {
		return "", nil
	}
	opened, err := openLedger(ctx, cfg, slog.New(slog.DiscardHandler))
	if postback.CodeOf(err) == sqlite.CodeInUse {
		return sqlite.Identity(ctx, path) //nolint:wrapcheck // it says what failed
	}
	if err != nil {
		return "", err
	}
	identity, err := opened.Identity(ctx)
	return identity, errors.Join(err, opened.Close())
}

// runningLedger asks who listens at an address for the identity of its ledger; runs
// reports whether that is a Waybill.
func runningLedger(ctx context.Context, address string) (identity string, runs bool) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", false
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+healthPath, http.NoBody)
	if err != nil {
		return "", false
	}
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return "", false
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 64))
	runs = err == nil && answer.StatusCode == http.StatusOK && strings.TrimSpace(string(body)) == probeOK
	return answer.Header.Get(ledgerHeader), runs
}
