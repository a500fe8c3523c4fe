package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

const (
	noteBlock = `INSERT INTO blocks AS b (` + store.BlockColumns + `) VALUES ($1, $2, $3, $4, $4)
		ON CONFLICT (endpoint_id) DO UPDATE SET
		since = CASE WHEN excluded.at - b.at > $5::interval THEN excluded.since ELSE least(b.since, excluded.since) END,
		cause = CASE WHEN excluded.at < b.at THEN b.cause ELSE excluded.cause END,
		message = CASE WHEN excluded.at < b.at THEN b.message ELSE excluded.message END,
		at = greatest(b.at, excluded.at)`
	selectBlock = `SELECT ` + store.BlockColumns + ` FROM blocks WHERE endpoint_id = $1 AND at >= $2`
	forgetBlock = `DELETE FROM blocks WHERE endpoint_id = $1`
)

// NoteBlock writes that an endpoint was found blocked.
func (l *Ledger) NoteBlock(ctx context.Context, block postback.Block) error {
	_, err := l.change(ctx, "note block", noteBlock, block.EndpointID, clean(block.Cause), clean(block.Message), block.At, postback.BlockLasts)
	return err
}

// Block returns why nothing could be sent to an endpoint, if that was found at a
// time or later.
func (l *Ledger) Block(ctx context.Context, endpointID string, from time.Time) (postback.Block, bool, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	found, err := collect(ctx, l.pool, store.BlockDest, selectBlock, endpointID, from)
	if err != nil {
		return postback.Block{}, false, fmt.Errorf("read block: %w", err)
	}
	if len(found) == 0 {
		return postback.Block{}, false, nil
	}
	return found[0], true, nil
}
