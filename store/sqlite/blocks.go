package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

const (
	noteBlock = `INSERT INTO blocks (` + store.BlockColumns + `) VALUES (?1, ?2, ?3, ?4, ?4)
		ON CONFLICT (endpoint_id) DO UPDATE SET
		since = CASE WHEN excluded.at - at > ?5 THEN excluded.since ELSE min(since, excluded.since) END,
		cause = CASE WHEN excluded.at < at THEN cause ELSE excluded.cause END,
		message = CASE WHEN excluded.at < at THEN message ELSE excluded.message END,
		at = max(at, excluded.at)`
	selectBlock = `SELECT ` + store.BlockColumns + ` FROM blocks WHERE endpoint_id = ? AND at >= ?`
	forgetBlock = `DELETE FROM blocks WHERE endpoint_id = ?`
)

// NoteBlock writes that an endpoint was found blocked.
func (l *Ledger) NoteBlock(ctx context.Context, block postback.Block) error {
	_, err := l.change(ctx, "note block", 1, noteBlock,
		block.EndpointID, block.Cause, block.Message, micros(block.At), postback.BlockLasts.Microseconds())
	return err
}

// Block returns why nothing could be sent to an endpoint, if that was found at a
// time or later.
func (l *Ledger) Block(ctx context.Context, endpointID string, from time.Time) (postback.Block, bool, error) {
	found, err := collect(ctx, l.reads, store.BlockDest, selectBlock, endpointID, micros(from))
	if err != nil {
		return postback.Block{}, false, fmt.Errorf("read block: %w", err)
	}
	if len(found) == 0 {
		return postback.Block{}, false, nil
	}
	return found[0], true, nil
}
