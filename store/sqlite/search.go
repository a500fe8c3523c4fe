package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
)

const (
	// searchers bounds the connections that read history. They are others than those
	// that attempts read with: a search may go through all that there is.
	searchers = 3
	// searchWait bounds how long a search takes.
	searchWait = 15 * time.Second
)

// search reads history from one state of the ledger, on a connection that no
// attempt waits for. One that takes too long ends as CodeUnavailable.
func (l *Ledger) search(ctx context.Context, read func(ctx context.Context, tx *sql.Tx) error) error {
	tooLong := postback.Failure(postback.CodeUnavailable,
		"the search took longer than %v and was ended; narrow it by time, endpoint or publisher", l.searchWait)
	ctx, cancel := context.WithTimeoutCause(ctx, l.searchWait, tooLong)
	defer cancel()
	err := inSnapshot(ctx, l.searchPool, func(tx *sql.Tx) error { return read(ctx, tx) })
	if err != nil && context.Cause(ctx) == tooLong { //nolint:errorlint // this very one
		return tooLong
	}
	return err
}

// inSnapshot reads several times from one state of the ledger.
func inSnapshot(ctx context.Context, pool *sql.DB, read func(tx *sql.Tx) error) error {
	tx, err := pool.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("begin read: %w", err)
	}
	defer tx.Rollback()
	return read(tx)
}
