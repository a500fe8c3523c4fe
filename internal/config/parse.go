package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waybillhq/waybill/postback"
)

func parseListen(into *string, text string) error {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return fmt.Errorf("invalid address %q: use HOST:PORT, such as 127.0.0.1:8480, or :8480 for every address", text)
	}
	if number, err := strconv.Atoi(port); err != nil || number < 0 || number > 65535 {
		return fmt.Errorf("invalid port %q: use a number from 0 to 65535", port)
	}
	*into = text
	return nil
}

func parseDatabase(into *string, text string) error {
	path, embedded := strings.CutPrefix(text, "sqlite:")
	server := strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://")
	if !server && (!embedded || path == "") {
		return errors.New("invalid ledger: use sqlite:PATH, such as sqlite:/var/lib/waybill/waybill.db, or postgres://USER@HOST/NAME")
	}
	*into = text
	return nil
}

// parseRedis checks the scheme alone: the Sentinel and Cluster forms list
// several hosts, and internal/task, which takes them apart, says what is wrong.
func parseRedis(into *string, text string) error {
	scheme, rest, _ := strings.Cut(text, "://")
	known := []string{"redis", "rediss", "redis-sentinel", "rediss-sentinel", "redis-cluster", "rediss-cluster"}
	if rest == "" || !slices.Contains(known, scheme) {
		return errors.New("invalid URL: use redis://127.0.0.1:6379/0, rediss://:PASSWORD@redis.example.com:6380, " +
			"redis-sentinel://a.example.com:26379,b.example.com:26379?master=NAME or redis-cluster://a.example.com:6379,b.example.com:6379")
	}
	*into = text
	return nil
}

func parseProxy(into **url.URL, text string) error {
	proxy, err := url.Parse(text)
	if err != nil || proxy.Hostname() == "" || proxy.Port() == "" || !slices.Contains([]string{"socks5", "http"}, proxy.Scheme) {
		return errors.New("invalid URL: use one with a port, such as socks5://proxy.example.com:1080 or http://proxy.example.com:3128")
	}
	*into = proxy
	return nil
}

func parseAddresses(into *[]netip.Addr, texts []string) error {
	addresses := make([]netip.Addr, 0, len(texts))
	for _, text := range texts {
		address, err := netip.ParseAddr(text)
		if err != nil || address.Zone() != "" || address.IsUnspecified() || address.IsMulticast() {
			return fmt.Errorf("invalid address %q: use that of a host, such as 192.0.2.10 or 2001:db8::10", text)
		}
		addresses = append(addresses, address.Unmap())
	}
	*into = addresses
	return nil
}

func parseEgressIPs(into *[]netip.Addr, texts []string) error {
	var addresses []netip.Addr
	if err := parseAddresses(&addresses, texts); err != nil {
		return err
	}
	four, six := 0, 0
	for _, address := range addresses {
		if address.Is4() {
			four++
		} else {
			six++
		}
	}
	if four > 1 || six > 1 {
		return fmt.Errorf("too many addresses (%d IPv4, %d IPv6): use at most one of each", four, six)
	}
	*into = addresses
	return nil
}

func parsePrefixes(into *[]netip.Prefix, texts []string) error {
	prefixes := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return fmt.Errorf("invalid range %q: use CIDR notation, such as 10.0.0.0/8, or 10.0.0.5/32 for one address", text)
		}
		if prefix != prefix.Masked() {
			return fmt.Errorf("invalid range %s: use %s", text, prefix.Masked())
		}
		prefixes = append(prefixes, prefix)
	}
	*into = prefixes
	return nil
}

func parseCount(into *int, text string, low, high int) error {
	number, err := strconv.Atoi(text)
	if err != nil || number < low || number > high {
		return fmt.Errorf("invalid number %q: use a whole number from %d to %d", text, low, high)
	}
	*into = number
	return nil
}

func parseDuration(into *time.Duration, text string, high time.Duration) error {
	return parseSpan(into, text, 0, high)
}

func parseSpan(into *time.Duration, text string, low, high time.Duration) error {
	duration, err := postback.ParseAge(text)
	if err != nil || duration < low || duration > high {
		return fmt.Errorf("invalid duration %q: use one from %s to %s, such as 30s, 2m, 7d or 1w", text, postback.FormatAge(low), postback.FormatAge(high))
	}
	*into = duration
	return nil
}

// forever is the retention that forgets nothing. A plain 0 is refused: it could
// as well mean to keep nothing.
const forever = "forever"

func parseRetention(into *time.Duration, text string) error {
	if text == forever {
		*into = 0
		return nil
	}
	keep, err := postback.ParseAge(text)
	if err != nil || keep < MinRetention || keep > MaxRetention {
		return fmt.Errorf("invalid duration %q: use one from 1d to %dd, such as 90d, 2w or 36h, or %s to keep everything", text, MaxRetention/day, forever)
	}
	*into = keep
	return nil
}

// showRetention spells a retention as parseRetention reads it.
func showRetention(keep time.Duration) string {
	switch {
	case keep == 0:
		return forever
	case keep%day == 0:
		return strconv.Itoa(int(keep/day)) + "d"
	default:
		return postback.FormatAge(keep)
	}
}

func parseLevel(into *slog.Level, text string) error {
	var name string
	if err := parseChoice(&name, strings.ToLower(text), "debug", "info", "warn", "error"); err != nil {
		return err
	}
	if err := into.UnmarshalText([]byte(name)); err != nil {
		return fmt.Errorf("read log level: %w", err)
	}
	return nil
}

func parseChoice(into *string, text string, choices ...string) error {
	if !slices.Contains(choices, text) {
		return fmt.Errorf("invalid value %q: use one of %s", text, strings.Join(choices, ", "))
	}
	*into = text
	return nil
}
