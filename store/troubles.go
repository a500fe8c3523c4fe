package store

import "github.com/waybillhq/waybill/postback"

// TroubleChange is a row of what changed of troubles since a mark. Where nothing
// did there is one row, which names no endpoint.
type TroubleChange struct {
	Mark       int64
	EndpointID string
	Trouble    postback.Trouble // without an endpoint: it ended
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
