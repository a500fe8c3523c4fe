package testkit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/waybillhq/waybill/internal/circuit"
	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/internal/endpoints"
	"github.com/waybillhq/waybill/internal/registry"
	"github.com/waybillhq/waybill/internal/schemes"
	"github.com/waybillhq/waybill/internal/seal"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/sqlite"
)

// PrivateHost is a name that resolves to an address which is never sent to.
const PrivateHost = "private.example.com"

// Parts are the real parts around the dispatcher and the worker, over a ledger
// of their own.
type Parts struct {
	Ledger    *sqlite.Ledger
	Registry  *registry.Registry
	Breaker   *circuit.Breaker
	Schemes   *schemes.Catalogue
	Keyring   *seal.Keyring
	Egress    *egress.Client
	Endpoints *endpoints.Manager
	Logger    *slog.Logger
	Logs      *Logs
}

// NewParts makes them. Requests may go to loopback.
func NewParts(t testing.TB) *Parts {
	t.Helper()
	logger, logs := NewLogger()
	p := &Parts{Ledger: OpenLedger(t), Keyring: NewKeyring(t), Egress: NewEgress(t), Logger: logger, Logs: logs}
	var err error
	if p.Schemes, err = schemes.Load(); err != nil {
		t.Fatalf("load schemes: %v", err)
	}
	p.Registry = registry.New(p.Ledger)
	p.Breaker, err = circuit.NewBreaker(circuit.Options{
		Ledger: p.Ledger, Prober: p.Ledger,
		Policy: circuit.Default(), Random: func() float64 { return 0 }, Logger: logger,
	})
	if err != nil {
		t.Fatalf("make breaker: %v", err)
	}
	p.Endpoints = endpoints.New(endpoints.Options{Ledger: p.Ledger, Registry: p.Registry, Sealer: p.Keyring, Reach: p.Egress, Schemes: p.Schemes, Past: p.Ledger})
	return p
}

// Create makes an endpoint of publisher "pub_1", unless the spec names another.
func (p *Parts) Create(t testing.TB, spec postback.EndpointSpec) postback.Endpoint {
	t.Helper()
	if spec.Publisher == "" {
		spec.Publisher = "pub_1"
	}
	endpoint, _, _, err := p.Endpoints.Create(t.Context(), spec)
	if err != nil {
		t.Fatalf("create endpoint: %v", err)
	}
	return endpoint
}

// OpenLedger opens an empty ledger.
func OpenLedger(t testing.TB) *sqlite.Ledger {
	t.Helper()
	ledger, err := openLedger(t.Context(), LedgerFile(t))
	if err != nil {
		t.Fatalf("open ledger: %v", err)
	}
	t.Cleanup(func() {
		if err := ledger.Close(); err != nil {
			t.Errorf("close ledger: %v", err)
		}
	})
	return ledger
}

func openLedger(ctx context.Context, path string) (*sqlite.Ledger, error) {
	//nolint:wrapcheck // A test says what failed.
	return sqlite.Open(ctx, sqlite.Options{Path: path, Logger: slog.New(slog.DiscardHandler)})
}

// LedgerFile is the path of an empty ledger with the newest schema, in a
// directory of its own. It is a copy: with the race detector, the migrations
// cost half a second.
func LedgerFile(t testing.TB) string {
	t.Helper()
	content, err := emptyLedger()
	if err != nil {
		t.Fatalf("make empty ledger: %v", err)
	}
	path := filepath.Join(t.TempDir(), "ledger.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatalf("write empty ledger: %v", err)
	}
	return path
}

// emptyLedger is the content of a new ledger's file.
var emptyLedger = sync.OnceValues(makeLedger) //nolint:gochecknoglobals // made once for all tests

func makeLedger() (content []byte, err error) {
	directory, err := os.MkdirTemp("", "waybill-ledger-")
	if err != nil {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	path := filepath.Join(directory, "ledger.db")
	ledger, err := openLedger(context.Background(), path) // not a test's: all tests share it
	if err != nil {
		return nil, err
	}
	if err := ledger.Close(); err != nil {
		return nil, fmt.Errorf("close ledger: %w", err)
	}
	return os.ReadFile(path) //nolint:wrapcheck // it names the file
}

// NewKeyring makes a ring of one key.
func NewKeyring(t testing.TB) *seal.Keyring {
	t.Helper()
	ring, err := seal.NewKeyring(1, map[uint32][]byte{1: bytes.Repeat([]byte{7}, 32)})
	if err != nil {
		t.Fatalf("make keyring: %v", err)
	}
	return ring
}

// NewEgress makes a way out that may reach 127.0.0.0/8. PrivateHost resolves to
// a private address, and no other name resolves.
func NewEgress(t testing.TB) *egress.Client {
	t.Helper()
	client, err := egress.New(egress.Options{
		Allow:    []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Resolver: names{PrivateHost: netip.MustParseAddr("10.1.2.3")},
	})
	if err != nil {
		t.Fatalf("make egress client: %v", err)
	}
	t.Cleanup(client.Close)
	return client
}

type names map[string]netip.Addr

func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if addr, known := n[host]; known {
		return []netip.Addr{addr}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}
