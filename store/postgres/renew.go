package postgres

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// renewer closes the connections of a pool, those in use when they are given
// back, once a statement failed for what a connection is and not for what it was
// asked: its server takes no writes any more, or stops; or it has plans for a
// schema that was changed. New connections find who takes writes now, and plan
// anew.
type renewer struct{ pool atomic.Pointer[pgxpool.Pool] }

func (r *renewer) see(err error) {
	if pool := r.pool.Load(); pool != nil && (deposed(err) || stalePlan(err)) {
		pool.Reset()
	}
}

// deposed reports whether a server says that it is not the one to ask.
func deposed(err error) bool {
	failure, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (failure.Code == readOnlyTransaction || strings.HasPrefix(failure.Code, classConnection) ||
		strings.HasPrefix(failure.Code, classShutdown))
}

// stalePlan reports whether a statement was prepared for columns that are of
// other types now. The message is in the server's language, the routine is not.
func stalePlan(err error) bool {
	failure, ok := errors.AsType[*pgconn.PgError](err)
	return ok && failure.Code == featureNotSupported && failure.Routine == "RevalidateCachedQuery"
}

// replanned does again what failed for a plan that is not valid any more: by then
// that plan is gone with its connection.
func replanned(do func() error) error {
	err := do()
	if stalePlan(err) {
		err = do()
	}
	return err
}

// TraceQueryStart implements pgx.QueryTracer.
func (r *renewer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (r *renewer) TraceQueryEnd(_ context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	r.see(data.Err)
}

// TraceBatchStart implements pgx.BatchTracer.
func (r *renewer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

// TraceBatchQuery implements pgx.BatchTracer.
func (r *renewer) TraceBatchQuery(_ context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	r.see(data.Err)
}

// TraceBatchEnd implements pgx.BatchTracer.
func (r *renewer) TraceBatchEnd(_ context.Context, _ *pgx.Conn, data pgx.TraceBatchEndData) {
	r.see(data.Err)
}
