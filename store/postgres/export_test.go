package postgres

import (
	"context"
	"time"
)

// PrepareDays makes the partitions of days that are over, too.
func PrepareDays(ctx context.Context, l *Ledger, from, until time.Time) error {
	return l.prepareDays(ctx, from, until)
}
