package bench

import (
	"context"
	"fmt"
	"time"
)

const (
	fillBatch   = 1000 // events in a request
	fillSenders = 4    // requests under way at once
)

// Backlog says what it cost to have deliveries parked for the endpoint that
// hangs. Memory is in bytes; Redis's is 0 when it is embedded in the engine.
type Backlog struct {
	Deliveries   int     `json:"deliveries"`
	Seconds      float64 `json:"seconds"` // to accept and park them
	PerSecond    float64 `json:"per_second"`
	EngineBefore int64   `json:"engine_memory_before"`
	EngineMost   int64   `json:"engine_memory_most"` // while they were accepted
	EngineAfter  int64   `json:"engine_memory_after"`
	RedisBefore  int64   `json:"redis_memory_before,omitempty"`
	RedisMost    int64   `json:"redis_memory_most,omitempty"` // while they were accepted
	RedisAfter   int64   `json:"redis_memory_after,omitempty"`
	LedgerBefore int64   `json:"ledger_bytes_before,omitempty"` // of an embedded one
	LedgerAfter  int64   `json:"ledger_bytes_after,omitempty"`
}

// fillBacklog parks deliveries for an endpoint that is paused meanwhile, and
// stays so.
func (i *isolation) fillBacklog(ctx context.Context) (*Backlog, error) {
	var err error
	i.backlog = naming{run: i.naming.run + "-backlog"}
	if i.hoard, err = i.makeOffender(ctx, &i.offenders.hangs, i.backlog.publisher(0)); err != nil {
		return nil, err
	}
	if _, err := i.api.PauseEndpoint(ctx, i.hoard); err != nil {
		return nil, fmt.Errorf("pause endpoint: %w", err)
	}
	pause(ctx, i.plan.lead())
	i.watch.reset()
	before, err := i.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	fill, err := i.fill(ctx, i.backlog, i.plan.Backlog)
	if err != nil {
		return nil, err
	}
	took := time.Duration(fill.journal.now())
	most := i.watch.peaks()
	pause(ctx, i.plan.lead())
	after, err := i.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	filled := int(fill.journal.acceptances.Load())
	return backlogOf(filled, took, before, after, most), ctx.Err()
}

// fill sends events for one endpoint as fast as they are accepted.
func (i *isolation) fill(ctx context.Context, names naming, count int) (*load, error) {
	fill := &load{
		api: i.bad, dialect: i.dialect, naming: names, journal: newJournal(count),
		batch: fillBatch, endpoints: 1, limit: newLimit(0, fillBatch),
	}
	return fill, fill.run(ctx, fillSenders, 0)
}

func backlogOf(filled int, took time.Duration, before, after snapshot, most peaks) *Backlog {
	found := &Backlog{
		Deliveries: filled, Seconds: took.Seconds(), PerSecond: perSecond(filled, took),
		EngineMost: most.engine, RedisMost: most.queue,
		LedgerBefore: before.ledger, LedgerAfter: after.ledger,
	}
	if before.engine != nil && after.engine != nil {
		found.EngineBefore, found.EngineAfter = before.engine.rss, after.engine.rss
	}
	if before.queue != nil && after.queue != nil {
		found.RedisBefore, found.RedisAfter = before.queue.memory, after.queue.memory
	}
	return found
}
