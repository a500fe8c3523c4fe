package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/waybillhq/waybill/internal/config"
	"github.com/waybillhq/waybill/internal/listen"
)

func checkDataDir(cfg config.Config) Check {
	const name = "data directory"
	const remedy = "name a directory that this user may write to with --data-dir"
	info, err := os.Stat(cfg.DataDir)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case err == nil && !info.IsDir():
		err = fmt.Errorf("%s is not a directory", cfg.DataDir)
	case err == nil || missing:
		err = checkWritable(cfg.DataDir)
	}
	switch {
	case err != nil:
		return bad(name, err, remedy)
	case missing:
		return good(name, "%s does not exist; the first start creates it", cfg.DataDir)
	case info.Mode().Perm()&0o007 != 0:
		return risky(name, fmt.Sprintf("every user may look into %s", cfg.DataDir), "chmod 700 "+cfg.DataDir)
	default:
		return good(name, "%s", cfg.DataDir)
	}
}

// checkWritable fails when no file can be created in a directory, or in the
// nearest one above it that exists.
func checkWritable(dir string) error {
	for {
		probe, err := os.CreateTemp(dir, ".waybill-doctor-*")
		if err == nil {
			_ = probe.Close()
			return wrap("remove probe", os.Remove(probe.Name()))
		}
		above := filepath.Dir(dir)
		if !errors.Is(err, fs.ErrNotExist) || above == dir || exists(dir) {
			return fmt.Errorf("%s cannot be written to: %w", dir, cause(err))
		}
		dir = above
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// cause is an error of a file without the path, which here is a probe's.
func cause(err error) error {
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return failed.Err
	}
	return err
}

func wrap(verb string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", verb, err)
}

// checkListen binds what a server would listen on.
func checkListen(ctx context.Context, cfg config.Config) []Check {
	checks := []Check{checkAddress(ctx, "listen", cfg.Listen)}
	if cfg.HealthListen != "" {
		checks = append(checks, checkAddress(ctx, "health-listen", cfg.HealthListen))
	}
	return checks
}

func checkAddress(ctx context.Context, setting, address string) Check {
	name := setting + " address"
	var config net.ListenConfig
	opened, err := config.Listen(ctx, "tcp", address)
	if err == nil {
		_ = opened.Close()
		return good(name, "%s is free", address)
	}
	if runs(ctx, address) {
		return good(name, "a running waybill listens on %s", address)
	}
	return bad(name, err, "stop what listens there, or name another address with --"+setting)
}

// runs reports whether a Waybill answers at an address.
func runs(ctx context.Context, address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/healthz", http.NoBody)
	if err != nil {
		return false
	}
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return false
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 64))
	return err == nil && answer.StatusCode == http.StatusOK && string(trimLine(body)) == probeOK
}

func trimLine(body []byte) []byte {
	for len(body) > 0 && body[len(body)-1] == '\n' {
		body = body[:len(body)-1]
	}
	return body
}

// checkDescriptors warns when attempts could want more connections than the
// process may open.
func checkDescriptors(cfg config.Config) Check {
	const name = "open files"
	const others = 64 // the ledger's files, Redis, logs
	limit, clients := listen.Descriptors(), listen.Share(cfg.Connections)
	wanted := clients + cfg.DeliverConcurrency + cfg.RetryConcurrency + cfg.DatabaseConnections + others
	if limit > 0 && wanted > limit {
		return risky(name, fmt.Sprintf("this process may open %d files and connections, and may come to want %d", limit, wanted),
			fmt.Sprintf("allow it %d (ulimit -n, or LimitNOFILE= in systemd), or lower --deliver-concurrency, --retry-concurrency or --max-connections", wanted))
	}
	return good(name, "%d are enough", limit)
}
