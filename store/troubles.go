package store

import "github.com/waybillhq/waybill/postback"

// TroubleChange is a row of what changed of troubles since a mark. Where nothing
// did there is one row, which names no endpoint.
type TroubleChange struct {
	Mark       int64
	EndpointID string
	Trouble    postback.Trouble // without an endpoint: it ended
}

// ChangedColumns are TroubleColumns of a trouble t that may be over.
const ChangedColumns = `coalesce(t.endpoint_id, ''), t.since, t.failed_at, coalesce(t.failures, 0), coalesce(t.last_error, ''),
	t.opened_at, t.tried_at, coalesce(t.probes, 0), t.probe_at`

// ChangeDest scans a mark, an endpoint and ChangedColumns.
func ChangeDest(c *TroubleChange) []any {
	return append([]any{&c.Mark, &c.EndpointID}, TroubleDest(&c.Trouble)...)
}

// Changes puts rows together. There is one at least.
func Changes(rows []TroubleChange, all bool) postback.TroubleChanges {
	changes := postback.TroubleChanges{Mark: rows[0].Mark, All: all}
	for _, row := range rows {
		switch {
		case row.Trouble.EndpointID != "":
			changes.Changed = append(changes.Changed, row.Trouble)
		case row.EndpointID != "":
			changes.Ended = append(changes.Ended, row.EndpointID)
		}
	}
	return changes
}
