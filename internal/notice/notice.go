// Package notice tells an operator what became of endpoints and deliveries: as
// events that the engine delivers to the operator's own endpoints, in the log,
// and in metrics.
//
// It guarantees that what the ledger notes is told, whatever is killed in
// between, as exactly one event however many processes tell it; that the log has
// it once; that no event holds a secret or more of a URL than its host; and that
// trouble with an operator's endpoint makes no event, so that one event never
// leads to the next.
package notice

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/waybillhq/waybill/postback"
)

const (
	// interval is how late a notice may be told, roughly.
	interval = time.Second
	// atOnce bounds what is told in one look.
	atOnce = 100
)

// Ledger keeps what is not told yet.
type Ledger interface {
	SumDeaths(ctx context.Context, before time.Time) error
	Notices(ctx context.Context, limit int) ([]postback.Notice, error)
	ForgetNotice(ctx context.Context, id string) (bool, error)
}

// Endpoints looks endpoints up in memory; deleted ones are found too.
type Endpoints interface {
	Endpoint(id string) (postback.Endpoint, bool)
	All() []postback.Endpoint
}

// Circuits says which endpoints are left alone because they keep failing.
type Circuits interface {
	Open(endpointID string) bool
}

// Intake accepts events, each id once.
type Intake interface {
	Accept(ctx context.Context, events []postback.Event) ([]postback.Acceptance, error)
}

// Options are the parts of a Teller; all are required.
type Options struct {
	Ledger    Ledger
	Endpoints Endpoints
	Circuits  Circuits
	Intake    Intake
	// Window is how often an endpoint's dead letters are told at most.
	Window time.Duration
	Meter  metric.Meter
	Logger *slog.Logger
}

// Teller tells an operator what the ledger notes. Any number of processes may do
// so at once.
type Teller struct {
	Options

	told   metric.Int64Counter
	summed time.Time // until when dead letters are in notices
}

// New makes a Teller that does nothing before Run.
func New(options Options) (*Teller, error) {
	if options.Ledger == nil || options.Endpoints == nil || options.Circuits == nil || options.Intake == nil ||
		options.Window <= 0 || options.Meter == nil || options.Logger == nil {
		return nil, errors.New("make teller: a part is missing")
	}
	t := &Teller{Options: options}
	return t, t.measure()
}

// Run looks every second until ctx ends, and logs what an outage makes fail
// once.
func (t *Teller) Run(ctx context.Context) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			err := t.Look(ctx, now)
			if err != nil && !failing && ctx.Err() == nil {
				t.Logger.WarnContext(ctx, "an operator is not told what happens; trying again", slog.Any("error", err))
			}
			failing = err != nil
		}
	}
}

// Look tells what there is to tell now. It is not safe for concurrent use.
func (t *Teller) Look(ctx context.Context, now time.Time) error {
	if window := now.Truncate(t.Window); window.After(t.summed) {
		if err := t.Ledger.SumDeaths(ctx, window); err != nil {
			return fmt.Errorf("count dead letters: %w", err)
		}
		t.summed = window
	}
	notices, err := t.Ledger.Notices(ctx, atOnce)
	if err != nil {
		return fmt.Errorf("read what is to be told: %w", err)
	}
	for _, notice := range notices {
		endpoint, known := t.Endpoints.Endpoint(notice.EndpointID)
		if !known {
			continue // not yet: it was made just now
		}
		if err := t.tell(ctx, notice, endpoint); err != nil {
			return err
		}
	}
	return nil
}

// tell has the event accepted before the notice is forgotten: a kill in between
// repeats an event that is a duplicate then. Whoever forgets it writes it to the
// log.
func (t *Teller) tell(ctx context.Context, notice postback.Notice, endpoint postback.Endpoint) error {
	if endpoint.Publisher != postback.Operator {
		if err := t.accept(ctx, notice, endpoint); err != nil {
			return err
		}
	}
	mine, err := t.Ledger.ForgetNotice(ctx, notice.ID)
	if err != nil {
		return fmt.Errorf("note what was told: %w", err)
	}
	if mine {
		t.told.Add(ctx, 1, metric.WithAttributes(attribute.String("type", notice.Type)))
		t.log(ctx, notice, endpoint)
	}
	return nil
}

func (t *Teller) accept(ctx context.Context, notice postback.Notice, endpoint postback.Endpoint) error {
	data, err := dataOf(notice, endpoint)
	if err != nil {
		return err
	}
	digest := sha256.Sum256([]byte(notice.ID)) // the host may change before it is told again: that is a repeat
	answers, err := t.Intake.Accept(ctx, []postback.Event{{
		ID: notice.ID, Type: notice.Type, Publisher: postback.Operator, Data: data, OccurredAt: notice.At, Digest: digest[:],
	}})
	if err != nil {
		return fmt.Errorf("tell an operator: %w", err)
	}
	if refused := answers[0].Err; refused != nil {
		t.Logger.ErrorContext(ctx, "an operator's endpoint cannot carry what is to be told",
			slog.String("notice", notice.ID), slog.String("type", notice.Type), slog.Any("error", refused))
	}
	return nil
}
