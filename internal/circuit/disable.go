package circuit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/waybillhq/waybill/internal/loop"
	"github.com/waybillhq/waybill/postback"
)

// Limit says when an endpoint that keeps failing is disabled.
type Limit struct {
	After    time.Duration // from the first failure to the last; 0: never
	Failures int           // at least
}

// Reached reports whether an endpoint has failed for too long. The time begins
// with its first failure, or with its last change, its resumption among them:
// whoever changed it may have mended it. It ends with the last failure that was
// noted: while nothing is sent to it, no time passes. A success ends a failure streak,
// so within one there are only failures.
func (l Limit) Reached(streak postback.FailureStreak, endpoint postback.Endpoint) bool {
	since := streak.Since
	if endpoint.UpdatedAt.After(since) {
		since = endpoint.UpdatedAt
	}
	return l.After > 0 && endpoint.State == postback.EndpointEnabled &&
		streak.Failures >= l.Failures && streak.FailedAt.Sub(since) >= l.After
}

// Endpoints looks endpoints up in memory.
type Endpoints interface {
	Endpoint(id string) (postback.Endpoint, bool)
}

// Switch takes endpoints out of use.
type Switch interface {
	// Disable stops sending to an endpoint that was seen in this revision. It is
	// nil too when that was done before. CodeConflict when the endpoint was
	// changed since.
	Disable(ctx context.Context, endpointID string, seen int64, reason string) error
}

// DisablerOptions are the parts of a Disabler; all are required.
type DisablerOptions struct {
	Breaker   *Breaker
	Endpoints Endpoints
	Switch    Switch
	Limit     Limit
	Logger    *slog.Logger
}

// Disabler disables endpoints that have failed for too long. Any number of
// processes may do so at once.
type Disabler struct{ DisablerOptions }

// NewDisabler makes a Disabler that does nothing before Run.
func NewDisabler(options DisablerOptions) (*Disabler, error) {
	if options.Breaker == nil || options.Endpoints == nil || options.Switch == nil || options.Logger == nil || options.Limit.After < 0 {
		return nil, errors.New("make disabler: a part is missing")
	}
	return &Disabler{options}, nil
}

// Run looks at every interval until ctx ends, and logs what an outage makes fail
// once.
func (d *Disabler) Run(ctx context.Context, interval time.Duration) {
	loop.Run(ctx, loop.Job{Name: "disable endpoints that keep failing", Every: interval, Do: d.Look, Logger: d.Logger})
}

// Look disables the endpoints that have reached the limit now. Before it does it
// asks the ledger again: a success that another process saw ends a failure streak.
func (d *Disabler) Look(ctx context.Context) error {
	if len(d.due()) == 0 {
		return nil
	}
	if err := d.Breaker.Refresh(ctx); err != nil {
		return err
	}
	var failures []error
	for _, endpoint := range d.due() {
		err := d.Switch.Disable(ctx, endpoint.ID, endpoint.Revision, postback.DisabledFailing)
		if code := postback.CodeOf(err); err != nil && code != postback.CodeConflict && code != postback.CodeNotFound {
			failures = append(failures, fmt.Errorf("disable endpoint %s: %w", endpoint.ID, err))
		}
	}
	return errors.Join(failures...)
}

func (d *Disabler) due() []postback.Endpoint {
	var due []postback.Endpoint
	for _, streak := range d.Breaker.Streaks() {
		if endpoint, known := d.Endpoints.Endpoint(streak.EndpointID); known && d.Limit.Reached(streak, endpoint) {
			due = append(due, endpoint)
		}
	}
	return due
}
