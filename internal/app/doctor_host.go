package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

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

// checkDescriptors warns when attempts could want more connections than the
// process may open.
func checkDescriptors(cfg config.Config) Check {
	const name = "open files"
	const others = 64 // the ledger's files, Redis, logs
	limit, clients := listen.Descriptors(), listen.Share(cfg.Connections)
	wanted := clients + cfg.DeliverConcurrency + cfg.RetryConcurrency + cfg.DatabaseConnections + others
	switch {
	case limit == 0:
		return good(name, "no limit is known; this process may come to want %d", wanted)
	case wanted > limit:
		return risky(name, fmt.Sprintf("this process may open %d files and connections, and may come to want %d", limit, wanted),
			fmt.Sprintf("allow it %d (ulimit -n, or LimitNOFILE= in systemd), or lower --deliver-concurrency, --retry-concurrency or --max-connections", wanted))
	default:
		return good(name, "%d are enough", limit)
	}
}
