package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waybillhq/waybill/postback"
)

// inRows are those deliveries of some items that stand in a row.
func inRows(items []postback.Acceptance) []*postback.Delivery {
	var found []*postback.Delivery
	for _, item := range items {
		for i := range item.Deliveries {
			if d := &item.Deliveries[i]; d.OrderKey != "" && !d.State.Ended() {
				found = append(found, d)
			}
		}
	}
	return found
}

// detach copies what a caller keeps, where it is about to be changed.
func detach(group [][]postback.Acceptance) [][]postback.Acceptance {
	copies := slices.Clone(group)
	for i, items := range group {
		if len(inRows(items)) == 0 {
			continue
		}
		copies[i] = slices.Clone(items)
		for j := range items {
			copies[i][j].Deliveries = slices.Clone(items[j].Deliveries)
		}
	}
	return copies
}

// insertInRows writes events some of whose deliveries stand in rows. These are
// written as waiting for others, and the heads of their rows let go then: only
// when it is written does it show whether an event was there before, and none of
// its deliveries may head a row.
func insertInRows(
	ctx context.Context, tx pgx.Tx, items []postback.Acceptance, unknown []string, ordered []*postback.Delivery,
) (map[string]bool, error) {
	wanted := make(map[string]postback.Delivery, len(ordered))
	for _, d := range ordered {
		wanted[clean(d.ID)] = *d
		wait(d)
	}
	fresh, err := insertEvents(ctx, tx, items, unknown)
	if err != nil {
		return nil, err
	}
	var coming []*standing
	byID := make(map[string]*postback.Delivery, len(ordered))
	for _, d := range ordered {
		if fresh[d.EventID] {
			coming = append(coming, standingOf(*d))
			byID[clean(d.ID)] = d
		}
	}
	if len(coming) == 0 {
		return fresh, nil
	}
	heads, err := lineUp(ctx, tx, coming)
	if err != nil {
		return nil, err
	}
	moved := make(map[string]*standing, len(heads))
	for _, s := range heads {
		d := wanted[s.id]
		s.become(d.State, d.Reason)
		s.nextAttemptAt, s.sweepAt = d.NextAttemptAt, d.SweepAt
		*byID[s.id], moved[s.id] = d, s
	}
	return fresh, writeIn(ctx, tx, moved)
}

// wait puts a delivery behind others.
func wait(d *postback.Delivery) {
	d.State, d.Reason = postback.Parked, postback.ReasonOrdered
	d.NextAttemptAt, d.SweepAt = time.Time{}, time.Time{}
}

// standingOf is where a new delivery stands.
func standingOf(d postback.Delivery) *standing {
	return &standing{
		id: clean(d.ID), endpointID: clean(d.EndpointID), orderKey: clean(d.OrderKey), state: d.State, reason: d.Reason,
		generation: d.Generation, attempts: d.Attempts, attemptsBefore: d.AttemptsBefore,
		lastStatusCode: d.LastStatusCode, lastError: clean(d.LastError), completedAt: d.CompletedAt,
	}
}
