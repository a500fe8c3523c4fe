package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// database looks at the PostgreSQL server that an engine uses.
type database struct {
	conn       *pgx.Conn
	postmaster int  // its pid; 0 when it is not to be seen from here
	counts     bool // statements, by pg_stat_statements
}

func openDatabase(ctx context.Context, url string) (*database, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("look at PostgreSQL: %w", err)
	}
	d := &database{conn: conn}
	backend := 0
	if err := conn.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&backend); err != nil {
		return nil, errors.Join(fmt.Errorf("look at PostgreSQL: %w", err), conn.Close(ctx))
	}
	const counts = "SELECT to_regclass('pg_stat_statements') IS NOT NULL"
	if err := conn.QueryRow(ctx, counts).Scan(&d.counts); err != nil {
		return nil, errors.Join(fmt.Errorf("look at PostgreSQL: %w", err), conn.Close(ctx))
	}
	// In a container of its own the server counts its processes by itself.
	if process, err := processOf(backend); err == nil && process.name == "postgres" {
		d.postmaster = process.parent
	}
	return d, nil
}

func (d *database) close(ctx context.Context) error {
	if err := d.conn.Close(ctx); err != nil {
		return fmt.Errorf("leave PostgreSQL: %w", err)
	}
	return nil
}

// databaseUsage is what a PostgreSQL server has used since its start.
type databaseUsage struct {
	cpu     time.Duration // of all its processes, those that ended too; zero when they are not to be seen
	wal     int64         // bytes
	version string

	statements, records int64 // carried out, and written to the WAL by them; zero where nothing counts them
}

func (d *database) usage(ctx context.Context) (databaseUsage, error) {
	var used databaseUsage
	const ask = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint, current_setting('server_version')"
	if err := d.conn.QueryRow(ctx, ask).Scan(&used.wal, &used.version); err != nil {
		return used, fmt.Errorf("ask PostgreSQL what it uses: %w", err)
	}
	if d.counts {
		const ask = "SELECT coalesce(sum(calls), 0)::bigint, coalesce(sum(wal_records), 0)::bigint FROM pg_stat_statements"
		if err := d.conn.QueryRow(ctx, ask).Scan(&used.statements, &used.records); err != nil {
			return used, fmt.Errorf("ask PostgreSQL what it uses: %w", err)
		}
	}
	var err error
	if d.postmaster != 0 {
		used.cpu, err = familyCPU(d.postmaster)
	}
	return used, err
}
