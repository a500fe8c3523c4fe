package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
)

// reads are connections that read.
type reads struct {
	*statements
	pool *sql.DB
}

func openReads(path string, connections int) (*reads, error) {
	pool, err := openPool(path, connections, reading())
	if err != nil {
		return nil, err
	}
	return &reads{&statements{on: pool}, pool}, nil
}

func (r *reads) close() error {
	if err := errors.Join(r.statements.close(), r.pool.Close()); err != nil {
		return fmt.Errorf("close reading connections: %w", err)
	}
	return nil
}
