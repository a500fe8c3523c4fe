package postgres

import (
	"context"
	"log/slog"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/commit"
)

// What counts in a group.
const (
	maxGroupSize = 1024 // rows in a group, where 8 KB of data count as one more
	sizeUnit     = 8 << 10
)

// startCommitter writes works of one kind. One writer is usual: what comes while a
// transaction is being committed shares the next one, and the more it is, the less
// each costs.
func startCommitter[Work, Answer any](
	ctx context.Context, logger *slog.Logger, writers int, write func(context.Context, []Work) ([]Answer, error),
) *commit.Committer[Work, Answer] {
	return commit.Start(ctx, commit.Options[Work, Answer]{
		Logger: logger, Writers: writers, MaxSize: maxGroupSize, Single: isMembersFault,
		Write: func(ctx context.Context, group []Work) (answers []Answer, err error) {
			ctx, cancel := bound(ctx)
			defer cancel()
			err = undisturbed(func() (err error) {
				answers, err = write(ctx, group)
				return err
			})
			return answers, err
		},
	})
}

// sizeOf is what acceptances count in a group.
func sizeOf(items []postback.Acceptance) int {
	size := 0
	for _, item := range items {
		size += 1 + len(item.Deliveries) + len(item.Event.Data)/sizeUnit
	}
	return size
}
