package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/waybillhq/waybill/internal/config"
	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/internal/seal"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/sqlite"
)

// Check is one thing that the doctor looked at.
type Check struct {
	Name    string
	OK      bool
	Warning bool   // works, with a risk that Detail names
	Detail  string // what was found
	Remedy  string // what to do, when something is to be done
}

func good(name, format string, args ...any) Check {
	return Check{Name: name, OK: true, Detail: fmt.Sprintf(format, args...)}
}

func risky(name, detail, remedy string) Check {
	return Check{Name: name, OK: true, Warning: true, Detail: detail, Remedy: remedy}
}

func bad(name string, err error, remedy string) Check {
	return Check{Name: name, Detail: err.Error(), Remedy: remedy}
}

// Doctor checks the settings and everything they lead to: a server whose start
// would fail fails here, with what to do. It leaves nothing changed.
func Doctor(ctx context.Context, cfg config.Config) []Check {
	checks := append([]Check{checkDataDir(cfg)}, checkListen(ctx, cfg)...)
	checks = append(checks, checkLedger(ctx, cfg)...)
	checks = append(checks, checkEgress(cfg), checkDescriptors(cfg)) //nolint:contextcheck // binding an address waits for nothing
	return append(checks, checkRedis(ctx, cfg)...)
}

// checkLedger opens the ledger, unless it is not there yet: opening makes it.
func checkLedger(ctx context.Context, cfg config.Config) []Check {
	const name = "ledger"
	path, embedded := sqlitePath(cfg)
	if !embedded {
		return checkPostgres(ctx, cfg)
	}
	if _, err := os.Stat(path); err != nil {
		if err := checkWritable(filepath.Dir(path)); err != nil {
			return []Check{bad(name, err, "make the directory writable for this user, or name another file with --database sqlite:PATH")}
		}
		return []Check{good(name, "%s does not exist; the first start creates it", path), checkNewKeyring(cfg), checkSchemes(ctx, cfg, nil)}
	}
	opened, err := openLedger(ctx, cfg, slog.New(slog.DiscardHandler))
	if postback.CodeOf(err) == sqlite.CodeInUse {
		return []Check{good(name, "a running server uses %s", cfg.DatabaseURL())}
	}
	if err != nil {
		return []Check{bad(name, err, "")}
	}
	defer func() { _ = opened.Close() }()
	return []Check{good(name, "opens, and its schema is current"), checkKeyring(ctx, cfg, opened), checkSchemes(ctx, cfg, opened)}
}

// checkKeyring opens every secret that signs.
func checkKeyring(ctx context.Context, cfg config.Config, opened ledger) Check {
	const name = "keyring"
	known, err := opened.EndpointsSince(ctx, 0)
	if err != nil {
		return bad(name, err, "")
	}
	prints, err := opened.Fingerprints(ctx)
	if err != nil {
		return bad(name, err, "")
	}
	if len(known) == 0 && len(prints) == 0 {
		return checkNewKeyring(cfg)
	}
	ring, err := seal.Load(cfg.KeyringSource(), false)
	if err != nil {
		return bad(name, err, "")
	}
	if err := ring.Matches(ctx, opened); err != nil {
		return bad(name, err, "")
	}
	opens := 0
	for _, endpoint := range known {
		for _, secret := range sealedSecrets(endpoint) {
			if _, err := ring.Open(secret.Sealed, endpoint.ID, secret.Version); err != nil {
				return bad(name, err, "put the key it was sealed with back into the keyring")
			}
			opens++
		}
	}
	return good(name, "opens all %d secrets", opens)
}

// checkNewKeyring checks the keyring of a ledger in which nothing is sealed: it
// may have to be made.
func checkNewKeyring(cfg config.Config) Check {
	const name = "keyring"
	_, err := seal.Load(cfg.KeyringSource(), false)
	if err == nil {
		return good(name, "can be used; no secret is sealed yet")
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return bad(name, err, "")
	}
	if err := checkWritable(filepath.Dir(cfg.KeyringSource())); err != nil {
		return bad(name, err, "make the directory writable for this user, or name another file with --keyring")
	}
	return good(name, "%s does not exist; the first start creates it", cfg.KeyringSource())
}

func checkEgress(cfg config.Config) Check {
	const name = "egress address"
	client, err := egress.New(egress.Options{Addresses: cfg.EgressIPs, Proxy: cfg.EgressProxy, Allow: cfg.EgressAllow})
	if err != nil {
		return bad(name, err, "")
	}
	client.Close()
	if len(cfg.EgressIPs) == 0 {
		return risky(name, "none is set: requests leave from whatever address the system chooses",
			"set --egress-ip, so that publishers can allow it")
	}
	return good(name, "%v can be bound", cfg.EgressIPs)
}
