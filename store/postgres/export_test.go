package postgres

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"

	"github.com/waybillhq/waybill/postback"
)

// PrepareDays makes the partitions of days that are over, too.
func PrepareDays(ctx context.Context, l *Ledger, from, until time.Time) error {
	return l.prepareDays(ctx, from, until)
}

// AcceptTogether accepts items of several callers in one group, and returns what
// each is told.
func AcceptTogether(ctx context.Context, l *Ledger, items ...postback.Acceptance) []error {
	group := make([][]postback.Acceptance, len(items))
	for i, item := range items {
		group[i] = []postback.Acceptance{item}
	}
	failures := make([]error, len(items))
	l.ordered.WriteEach(ctx, group, func(i int, _ []postback.Acceptance, err error) { failures[i] = err })
	return failures
}

// ReleaseTogether releases deliveries of several endpoints in one group, and says
// how many of each.
func ReleaseTogether(ctx context.Context, l *Ledger, at time.Time, endpoints ...string) ([]int, error) {
	group := make([]release, len(endpoints))
	for i, id := range endpoints {
		group[i] = release{id, at, 10, 10}
	}
	return l.releaseAll(ctx, group)
}

// HoldDelivery locks a delivery as an operation that takes long does.
func HoldDelivery(ctx context.Context, l *Ledger, id string) (release func(), err error) {
	tx, err := l.pool.Begin(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, "SELECT FROM deliveries WHERE id = $1 FOR UPDATE", id); err != nil {
		return nil, err
	}
	return func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }, nil
}

// MigrateTo applies the migrations up to a version.
func MigrateTo(ctx context.Context, options Options, version int64) error {
	_, err := migrate(ctx, options, func(p *goose.Provider, ctx context.Context) ([]*goose.MigrationResult, error) {
		return p.UpTo(ctx, version)
	})
	return err
}

// ApplyMigration applies one migration, whose row is not in the table of versions.
func ApplyMigration(ctx context.Context, options Options, version int64) error {
	_, err := migrate(ctx, options, func(p *goose.Provider, ctx context.Context) ([]*goose.MigrationResult, error) {
		_, err := p.ApplyVersion(ctx, version, true)
		return nil, err
	})
	return err
}

// Migrations are the files of the migrations.
func Migrations() fs.FS { return migrations }

// MakeDay are the statements that make a table's partition of a day.
func MakeDay(table string, day time.Time) []string {
	at := slices.IndexFunc(families(), func(f family) bool { return f.name == table })
	return partition{family: families()[at], day: day.Truncate(wholeDay)}.make()
}

// Statement is what is sent to the server.
type Statement struct {
	Query string
	Args  []any
}

// OneDayStatements are those of every attempt, for a delivery.
func OneDayStatements(id string, at time.Time) map[string]Statement {
	ids := []string{id}
	texts, numbers := []string{""}, []int{0}
	succeed, _ := successArgs([]postback.Transition{{Ref: postback.Ref{DeliveryID: id}, Attempt: &postback.Attempt{DeliveryID: id}}})
	return map[string]Statement{
		"lock":      {lockDeliveries, []any{ids}},
		"move":      {moveDeliveries, []any{ids, texts, texts, numbers, numbers, texts, []*time.Time{nil}}},
		"succeed":   {recordSuccesses(""), succeed},
		"delivery":  {readByID, []any{ids}},
		"attempts":  {readAttempts, []any{id}},
		"age":       {madeAt, []any{id}},
		"histories": {readManyAttempts, []any{ids}},
		"event":     {readEvents, []any{[]time.Time{at}, []int64{1}}},
	}
}

// QueueStatements touch no partition at all.
func QueueStatements(at time.Time) map[string]Statement {
	return map[string]Statement{
		"any":     {overdueLook, []any{beginning(), at, claimLook}},
		"turns":   {overdueEndpoints, []any{beginning(), at}},
		"known":   {overdueAmongAll, []any{beginning(), at}},
		"claim":   {claimOverdue, []any{beginning(), at, at, []string{"ep_1"}, 100, claimBytes}},
		"requeue": {requeue, []any{at, 100}},
		"parked":  {parkedEndpoints, nil},
		"some":    {parkedOf, []any{[]string{"ep_1"}, []string{""}}},
		"release": releaseFrom(beginning(), at),
		"probe":   {oldestWaits, []any{"ep_1", ""}},
		"cancel":  {waitingDeliveries, []any{"ep_1", "", 100}},
		"next":    {nextHeads, []any{[]string{"ep_1"}, []string{"tx-1"}}},
		"ordered": {orderedEndpoints, nil},
		"stuck":   {stuckGroups, []any{"ep_1", 100}},
		"waiting": {waitingOf, []any{"ep_1", 100, []string{"paused"}}},
		"oldest":  {waitingOldest, []any{"ep_1"}},
		"all":     {waitingAll, nil},
	}
}

// PlansOfMoves are the plans of what is sent to record that deliveries of ep_1
// succeeded, to put them off and to end them, by statement. Nothing is changed.
func PlansOfMoves(ctx context.Context, l *Ledger, moves []postback.Transition, at time.Time) (map[string]string, error) {
	locked, ids := make(map[string]*lockedDelivery, len(moves)), make([]string, len(moves))
	all := func(state postback.State) map[string]*lockedDelivery {
		for i, move := range moves {
			ids[i] = move.Ref.DeliveryID
			locked[ids[i]] = &lockedDelivery{id: ids[i], endpointID: "ep_1", state: state, generation: 2, nextAttemptAt: at, sweepAt: at, planned: true}
		}
		return locked
	}
	args, err := successArgs(moves)
	if err != nil {
		return nil, err
	}
	succeed := &pgx.Batch{}
	queueSuccesses(succeed, recordSuccesses(""), args, new([]string))
	putOff, err := movesBatch(ids, all(postback.Retrying), nil)
	if err != nil {
		return nil, err
	}
	end, err := movesBatch(ids, all(postback.Cancelled), nil)
	if err != nil {
		return nil, err
	}
	plans := map[string]string{}
	for _, batch := range []*pgx.Batch{succeed, putOff, end} {
		if err := explainBatch(ctx, l, batch, plans); err != nil {
			return nil, err
		}
	}
	return plans, nil
}

// PlansOfReads are the plans of what is sent to read deliveries with their events, by
// statement.
func PlansOfReads(ctx context.Context, l *Ledger, ids []string) (map[string]string, error) {
	rows, err := deliveriesBy(ctx, l.pool, ids)
	if err != nil {
		return nil, err
	}
	batch, plans := &pgx.Batch{}, map[string]string{}
	batch.Queue(readByID, ids)
	batch.Queue(readEvents, column(rows, func(r deliveryRow) time.Time { return r.event.at }), column(rows, func(r deliveryRow) int64 { return r.event.seq }))
	return plans, explainBatch(ctx, l, batch, plans)
}

// explainBatch explains the statements of a batch, with the settings that it makes.
func explainBatch(ctx context.Context, l *Ledger, batch *pgx.Batch, plans map[string]string) error {
	undo := errors.New("undo")
	err := l.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		for _, queued := range batch.QueuedQueries {
			if strings.HasPrefix(queued.SQL, "SET") {
				if _, err := tx.Exec(ctx, queued.SQL); err != nil {
					return err
				}
				continue
			}
			lines, err := collect(ctx, tx, one[string], "EXPLAIN (ANALYZE, COSTS OFF) "+queued.SQL, queued.Arguments...)
			if err != nil {
				return err
			}
			plans[queued.SQL] = strings.Join(lines, "\n")
		}
		return undo
	})
	if errors.Is(err, undo) {
		return nil
	}
	return err
}

// SucceedTogether records successes of several callers in one group, and says which
// of them are recorded by that.
func SucceedTogether(ctx context.Context, l *Ledger, moves ...postback.Transition) ([]bool, error) {
	return l.succeedAll(ctx, moves)
}

// ListStatements are the statements of a listing of deliveries.
func ListStatements(filter postback.DeliveryFilter, after string) []Statement {
	var all []Statement
	for _, part := range branches(filter, span{before: after}) {
		query, args := part.list(filter, 51)
		all = append(all, Statement{query, args})
	}
	return all
}

// Explain returns a statement's plan.
func Explain(ctx context.Context, l *Ledger, s Statement) (string, error) {
	lines, err := collect(ctx, l.pool, one[string], "EXPLAIN (COSTS OFF) "+s.Query, s.Args...)
	return strings.Join(lines, "\n"), err
}

// Analyze runs a statement and returns its plan, with the pages that it read.
func Analyze(ctx context.Context, l *Ledger, s Statement) (string, error) {
	lines, err := collect(ctx, l.pool, one[string], "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) "+s.Query, s.Args...)
	return strings.Join(lines, "\n"), err
}

// LookFrom is a look for what is due that begins at a time.
func LookFrom(from, now time.Time) Statement {
	return Statement{overdueLook, []any{from, now, claimLook}}
}

// NextLook is what a ledger looks with next.
func NextLook(l *Ledger, now time.Time) Statement {
	from, _ := l.floor.from()
	return LookFrom(from, now)
}

// Look begins a look: where it does, and what notes what it found.
func Look(l *Ledger) (from time.Time, found func(time.Time)) {
	from, since := l.floor.from()
	return from, func(at time.Time) { l.floor.found(at, since) }
}

// releaseFrom is a look at an endpoint's deliveries that begins at a time.
func releaseFrom(from, at time.Time) Statement {
	return Statement{releasable, []any{[]string{"ep_1"}, []time.Time{from}, []time.Time{at}, []int{100}, []int{100}, []string{""}}}
}

// ReleaseFrom is the look of a release for ep_1 that begins at a time.
func ReleaseFrom(from, at time.Time) Statement { return releaseFrom(from, at) }

// NextRelease is what a ledger looks with next.
func NextRelease(l *Ledger, at time.Time) Statement {
	args, _ := l.releaseArgs([]release{{"ep_1", at, 100, 100}})
	return Statement{releasable, args}
}

// StepsFrom is a look through all that waits for endpoints that have some due.
func StepsFrom(from, now time.Time) Statement { return Statement{overdueEndpoints, []any{from, now}} }

// NextSteps is what a ledger steps with next.
func NextSteps(l *Ledger, from, now time.Time) Statement {
	query, _ := l.walks.through(time.Now())
	return Statement{query, []any{from, now}}
}

// ParkedWhole is a look at all that is parked.
func ParkedWhole() Statement { return Statement{parkedEndpoints, nil} }

// NextParked is what a ledger looks with next for endpoints with parked deliveries.
func NextParked(l *Ledger) Statement {
	look := l.parked.look(time.Now())
	return Statement{look.query, look.args}
}

// OldestParked is a look for the oldest parked delivery of ep_1 from the beginning.
func OldestParked() Statement { return Statement{oldestWaits, []any{"ep_1", ""}} }

// NextOldest is what a ledger looks with next.
func NextOldest(l *Ledger) Statement {
	return Statement{oldestWaits, []any{"ep_1", l.parked.from("ep_1")}}
}

// TakeLong has looks at everything taken for ones that took a second.
func TakeLong(l *Ledger) {
	now := time.Now()
	l.walks.took(now.Add(-time.Second), now)
	l.parked.pace.took(now.Add(-time.Second), now)
}

// TakeShort has the next looks be at everything.
func TakeShort(l *Ledger) {
	l.walks.took(time.Time{}, time.Time{})
	l.parked.pace.took(time.Time{}, time.Time{})
}

// NewPace says when a look is due again that took so long.
func NewPace(began, ended time.Time) (due func(time.Time) bool) {
	p := &pace{}
	p.took(began, ended)
	return p.due
}

// LookForParked begins a look for endpoints with parked deliveries, and returns
// what notes the one that it found.
func LookForParked(l *Ledger) (found func(endpointID string)) {
	look := l.parked.look(time.Now())
	return func(endpointID string) { l.parked.found(look, []parkedOne{{endpointID, ""}}) }
}

// CancelWhole is a look from the beginning for what of ep_1 is to be cancelled.
func CancelWhole() Statement { return Statement{waitingDeliveries, []any{"ep_1", "", 10}} }

// NextCancel is what a ledger looks with next.
func NextCancel(l *Ledger) Statement {
	return Statement{waitingDeliveries, []any{"ep_1", l.cancelled.from("ep_1"), 10}}
}

// NextExpire is what a ledger looks with next for what of ep_1 is too old.
func NextExpire(l *Ledger, before time.Time) Statement {
	return Statement{expiredDeliveries, []any{"ep_1", l.expired.from("ep_1"), lowest(before), before, 10}}
}

// ExpireWhole is such a look from the beginning.
func ExpireWhole(before time.Time) Statement {
	return Statement{expiredDeliveries, []any{"ep_1", "", lowest(before), before, 10}}
}

// HoldStreak changes an endpoint's streak, and commits that when it is told to.
func HoldStreak(ctx context.Context, l *Ledger, endpointID string) (commit func() error, err error) {
	tx, err := l.pool.Begin(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, `UPDATE troubles SET failures = failures + 1 WHERE endpoint_id = $1`, endpointID); err != nil {
		return nil, err
	}
	return func() error { return tx.Commit(ctx) }, nil
}

// ChangesSince is a look for changes of streaks since a mark; 0 is one at all.
func ChangesSince(mark int64) Statement {
	if mark == 0 {
		return Statement{allStreaks, nil}
	}
	return Statement{changesSince, []any{strconv.FormatInt(mark, 10)}}
}

// HoldSnapshot begins a transaction that goes on seeing all as it is now.
func HoldSnapshot(ctx context.Context, l *Ledger) (release func(), err error) {
	tx, err := l.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, "SELECT count(*) FROM waiting"); err != nil {
		return nil, err
	}
	return func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }, nil
}

// LookWhole has every look for due deliveries begin at the beginning, for tests in
// which time goes back by hours.
func LookWhole(l *Ledger) *Ledger {
	l.floor.whole, l.dues.whole, l.parked.whole = true, true, true
	return l
}

// Planned is how often prepared statements that name a table ran by a plan that was
// there, and how often they were planned for it, in all connections.
func Planned(ctx context.Context, l *Ledger, table string) (once, anew int, err error) {
	for _, conn := range l.pool.AcquireAllIdle(ctx) {
		var some, others int
		row := conn.QueryRow(ctx, `SELECT coalesce(sum(generic_plans), 0), coalesce(sum(custom_plans), 0) FROM pg_prepared_statements WHERE statement LIKE '%' || $1 || '%'`, table)
		err = errors.Join(err, row.Scan(&some, &others))
		once, anew = once+some, anew+others
		conn.Release()
	}
	return once, anew, err
}
