package bench

import (
	"context"
	"fmt"
	"os"
	"time"
)

// snapshot is what all that takes part has used until a moment.
type snapshot struct {
	at     time.Duration
	bench  usage
	engine *usage      // nil when it is unknown
	made   allocations // by the engine
	queue  *queueUsage // nil for an embedded or unknown one
	ledger int64       // bytes

	database *databaseUsage // nil for an embedded or unknown ledger
}

func (r *run) snapshot(ctx context.Context) (snapshot, error) {
	taken := snapshot{at: time.Duration(r.journal.now()), ledger: r.engine.ledgerSize()}
	if used, err := usageOf(os.Getpid()); err == nil { // no /proc, no figures
		taken.bench = used
	}
	if used, err := usageOf(r.engine.pid); r.engine.pid != 0 && err == nil {
		taken.engine = &used
	} else if r.PID != 0 {
		return taken, err
	}
	taken.made = r.engine.allocations(ctx)
	if r.queue != nil {
		used, err := r.queue.usage(ctx)
		if err != nil {
			return taken, err
		}
		taken.queue = &used
	}
	if r.database != nil {
		used, err := r.database.usage(ctx)
		if err != nil {
			return taken, err
		}
		taken.database = &used
	}
	return taken, nil
}

// course is the moments of a run that the report compares.
type course struct {
	started time.Time
	idle    snapshot // the engine has its endpoints, and nothing to do
	begin   snapshot // a rest later, before the first event
	end     snapshot // all was delivered
	after   snapshot // a rest later
}

// measure sends the load, waits for the deliveries, and reports.
func (r *run) measure(ctx context.Context) (Report, error) {
	took := course{started: time.Now()}
	report := Report{StartedAt: took.started.UTC().Truncate(time.Second), Machine: thisMachine(), Settings: r.settings()}
	var err error
	if took.idle, err = r.snapshot(ctx); err != nil {
		return report, err
	}
	pause(ctx, rest)
	if took.begin, err = r.snapshot(ctx); err != nil {
		return report, err
	}
	if err := r.send(ctx); err != nil {
		return report, err
	}
	if err := r.awaitDeliveries(ctx); err != nil {
		return report, err
	}
	pause(ctx, trailing)
	if took.end, err = r.snapshot(ctx); err != nil {
		return report, err
	}
	pause(ctx, rest)
	if took.after, err = r.snapshot(ctx); err != nil {
		return report, err
	}
	report.Machine.LoadAfter = loadAverage()
	r.fill(&report, took)
	return report, ctx.Err()
}

func (r *run) send(ctx context.Context) error {
	sending := &load{
		api: r.api, dialect: r.dialect, naming: r.naming, journal: r.journal,
		batch: r.Batch, endpoints: r.Endpoints, limit: newLimit(r.Rate, r.Batch),
	}
	return sending.run(ctx, r.Concurrency, r.Duration)
}

// awaitDeliveries waits until every accepted event has come, or none has for
// as long as patience lasts. Deliveries that are to wait are not waited for: an
// endpoint that is down is soon left alone but for a probe.
func (r *run) awaitDeliveries(ctx context.Context) error {
	if r.Waiting {
		return nil
	}
	ticker := time.NewTicker(glance)
	defer ticker.Stop()
	seen, changed := int64(-1), time.Now()
	for {
		receipts := r.journal.receipts.Load()
		if receipts >= r.journal.acceptances.Load() {
			return nil
		}
		if receipts != seen {
			seen, changed = receipts, time.Now()
		}
		if time.Since(changed) > r.Patience {
			return nil // the report says how many are missing
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for deliveries: %w", ctx.Err())
		}
		if err := r.engine.failure(); err != nil {
			return err
		}
	}
}
