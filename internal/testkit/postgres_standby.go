package testkit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Standby starts a server that follows this one, and answers reads.
func (p *Postgres) Standby() *Postgres {
	p.t.Helper()
	made, err := p.cluster.standby()
	if err != nil {
		p.t.Fatalf("start standby: %v", err)
	}
	p.t.Cleanup(func() {
		if err := made.remove(); err != nil {
			p.t.Errorf("remove standby: %v", err)
		}
	})
	return &Postgres{t: p.t, cluster: made}
}

// Promote makes a standby take writes.
func (p *Postgres) Promote() {
	p.t.Helper()
	execute(p.t, p.URL(), `SELECT pg_promote(true, 60)`)
}

// Follow has a server that is stopped start as a standby.
func (p *Postgres) Follow() {
	p.t.Helper()
	path := filepath.Join(p.cluster.data(), "standby.signal")
	err := os.WriteFile(path, nil, 0o600)
	if err == nil && p.cluster.as != nil {
		err = os.Chown(path, int(p.cluster.as.Uid), int(p.cluster.as.Gid))
	}
	if err != nil {
		p.t.Fatalf("make a standby: %v", err)
	}
}

// standby copies a running server.
func (c *cluster) standby() (*cluster, error) {
	directory, err := os.MkdirTemp("", "waybill-postgres-")
	if err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	made := &cluster{settings: c.settings, binaries: c.binaries, as: c.as, directory: directory}
	if err := made.copyFrom(c); err != nil {
		return nil, errors.Join(err, made.remove())
	}
	if err := made.startSomewhere(); err != nil {
		return nil, errors.Join(err, made.remove())
	}
	return made, nil
}

func (c *cluster) copyFrom(primary *cluster) error {
	if c.as != nil {
		if err := os.Chown(c.directory, int(c.as.Uid), int(c.as.Gid)); err != nil {
			return fmt.Errorf("give data directory away: %w", err)
		}
	}
	backup := c.command("pg_basebackup", "--host=127.0.0.1", "--port="+primary.port, "--username=postgres",
		"--pgdata="+c.data(), "--write-recovery-conf", "--checkpoint=fast", "--no-sync")
	if output, err := backup.CombinedOutput(); err != nil {
		return fmt.Errorf("run pg_basebackup: %w: %s", err, output)
	}
	return nil
}
