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
	"github.com/waybillhq/waybill/internal/keys"
	"github.com/waybillhq/waybill/internal/seal"
	"github.com/waybillhq/waybill/internal/task"
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

// bad says what is wrong. The name says already which setting it is about.
func bad(name string, err error, remedy string) Check {
	detail := err.Error()
	if domain, ok := errors.AsType[*postback.Error](err); ok {
		detail = domain.Message
	}
	return Check{Name: name, Detail: detail, Remedy: remedy}
}

// counted is a number of things.
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Doctor checks the settings and everything they lead to: a server whose start
// would fail fails here, with what to do, but for what a server with these very
// settings has, because it runs. It leaves nothing changed.
func Doctor(ctx context.Context, cfg config.Config) []Check {
	task.LogTo(slog.New(slog.DiscardHandler)) // what a Redis fails with is said once, by its check
	addresses, beside := checkListen(ctx, cfg)
	checks := append([]Check{checkDataDir(cfg)}, addresses...)
	checks = append(checks, checkLedger(ctx, cfg, beside)...)
	checks = append(checks, checkEgress(cfg), checkDescriptors(cfg)) //nolint:contextcheck // binding an address waits for nothing
	return append(checks, checkRedis(ctx, cfg)...)
}

// checkLedger opens the ledger, unless it is not there yet: opening makes it. That
// a server uses it is well when that server is known to have these settings.
func checkLedger(ctx context.Context, cfg config.Config, beside bool) []Check {
	const name = "ledger"
	path, embedded := sqlitePath(cfg)
	if !embedded {
		return checkPostgres(ctx, cfg)
	}
	if _, err := os.Stat(path); err != nil {
		if err := checkWritable(filepath.Dir(path)); err != nil {
			return []Check{bad(name, err, "make the directory writable for this user, or name another file with --database sqlite:PATH")}
		}
		checks := []Check{good(name, "%s does not exist; the first start creates it", path), checkNewKeyring(cfg), checkSchemes(ctx, cfg, nil)}
		return append(checks, checkAdminKey(cfg)...)
	}
	opened, err := openLedger(ctx, cfg, slog.New(slog.DiscardHandler))
	switch {
	case postback.CodeOf(err) == sqlite.CodeInUse && beside:
		return []Check{good(name, "the server that runs uses %s", path)}
	case postback.CodeOf(err) == sqlite.CodeInUse:
		return []Check{bad(name, err, "no server listens on the addresses above with this ledger: run the doctor with the settings of the one that has it, or stop that one")}
	case err != nil:
		return []Check{bad(name, err, "make the file readable and writable for this user, restore it from a backup, or name another one with --database sqlite:PATH")}
	}
	defer func() { _ = opened.Close() }()
	check := good(name, "opens, and its schema is current")
	if found, remedy := exposed(cfg); found != "" {
		check = risky(name, found, remedy)
	}
	return append([]Check{check}, checkContent(ctx, cfg, opened)...)
}

// checkContent checks what goes with the content of a ledger.
func checkContent(ctx context.Context, cfg config.Config, opened ledger) []Check {
	checks := []Check{checkKeyring(ctx, cfg, opened), checkSchemes(ctx, cfg, opened)}
	if known, err := opened.Keys(ctx); err != nil || len(known) > 0 {
		return checks // the check of the keyring says what cannot be read
	}
	return append(checks, checkAdminKey(cfg)...)
}

// checkAdminKey reads the file that the first start takes the admin key from when
// it is there; else that start makes one.
func checkAdminKey(cfg config.Config) []Check {
	const name = "admin key"
	if !exists(cfg.AdminKeyFile()) {
		return nil
	}
	if _, err := keys.ReadText(cfg.AdminKeyFile()); err != nil {
		return []Check{bad(name, err, "write an API key into the file, or move it away to have one created")}
	}
	return []Check{good(name, "the first start takes it from %s", cfg.AdminKeyFile())}
}

// ledgerRemedy is what to do about a ledger that opens and cannot be read.
const ledgerRemedy = "look at the ledger's disk, or at its database server's log, and run the doctor again"

// ringRemedy is what to do about a keyring that is not the ledger's.
const ringRemedy = "put the keyring of this ledger there, or name it with --keyring"

// checkKeyring opens every secret that signs.
func checkKeyring(ctx context.Context, cfg config.Config, opened ledger) Check {
	const name = "keyring"
	known, err := opened.EndpointsSince(ctx, 0)
	if err != nil {
		return bad(name, err, ledgerRemedy)
	}
	prints, err := opened.Fingerprints(ctx)
	if err != nil {
		return bad(name, err, ledgerRemedy)
	}
	if len(known) == 0 && len(prints) == 0 {
		return checkNewKeyring(cfg)
	}
	ring, err := seal.Load(cfg.KeyringSource(), false)
	if err != nil {
		return bad(name, err, ringRemedy)
	}
	if err := ring.Matches(ctx, opened); err != nil {
		return bad(name, err, ringRemedy)
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
	return good(name, "opens %s", counted(opens, "secret"))
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
		return bad(name, err, "correct the keyring, or name another one with --keyring")
	}
	if err := checkWritable(filepath.Dir(cfg.KeyringSource())); err != nil {
		return bad(name, err, "make the directory writable for this user, or name another file with --keyring")
	}
	return good(name, "%s does not exist; the first start creates it", cfg.KeyringSource())
}

func checkEgress(cfg config.Config) Check {
	const name = "egress address"
	client, err := egress.New(egress.Options{
		Addresses: cfg.EgressIPs, Advertised: cfg.EgressAdvertise, Proxy: cfg.EgressProxy, Allow: cfg.EgressAllow,
	})
	if err != nil {
		return bad(name, err, "give --egress-ip an address that this host has (ip addr)")
	}
	client.Close()
	if len(cfg.EgressIPs) == 0 {
		return risky(name, "none is set: requests leave from whatever address the system chooses",
			"set --egress-ip, so that publishers can allow it")
	}
	return good(name, "%v can be bound", cfg.EgressIPs)
}
