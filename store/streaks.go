package store

import "github.com/waybillhq/waybill/postback"

// StreakChange is a row of what changed of streaks since a mark. Where nothing
// did there is one row, which names no endpoint.
type StreakChange struct {
	Mark          int64
	EndpointID    string
	FailureStreak postback.FailureStreak // without an endpoint: it ended
}

// ChangedColumns are StreakColumns of a failure streak t that may be over.
const ChangedColumns = `coalesce(t.endpoint_id, ''), t.since, t.failed_at, coalesce(t.failures, 0), coalesce(t.last_error, ''),
	t.opened_at, t.tried_at, coalesce(t.probes, 0), t.probe_at`

// ChangeDest scans a mark, an endpoint and ChangedColumns.
func ChangeDest(c *StreakChange) []any {
	return append([]any{&c.Mark, &c.EndpointID}, StreakDest(&c.FailureStreak)...)
}

// Changes puts rows together. There is one at least.
func Changes(rows []StreakChange, all bool) postback.StreakChanges {
	changes := postback.StreakChanges{Mark: rows[0].Mark, All: all}
	for _, row := range rows {
		switch {
		case row.FailureStreak.EndpointID != "":
			changes.Changed = append(changes.Changed, row.FailureStreak)
		case row.EndpointID != "":
			changes.Ended = append(changes.Ended, row.EndpointID)
		}
	}
	return changes
}
