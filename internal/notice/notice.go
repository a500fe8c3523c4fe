// Package notice tells an operator what became of endpoints, deliveries and the
// way out: as events that the engine delivers to the operator's own endpoints, in the log,
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

	"github.com/waybillhq/waybill/internal/loop"
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

// Findings keeps and finds what nobody else would see.
type Findings interface {
	Unmatched(ctx context.Context, since, until time.Time, limit int) ([]postback.Unmatched, error)
	NoteBlock(ctx context.Context, block postback.Block) error
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

// Options are the parts of a Teller; all but Now are required.
type Options struct {
	Ledger    Ledger
	Findings  Findings
	Endpoints Endpoints
	Circuits  Circuits
	Intake    Intake
	// Identity is the ledger's; it makes ids of events unforeseeable.
	Identity string
	// Window is how often an endpoint's dead letters are told at most, and a fifth
	// of how often events that reached nobody are.
	Window time.Duration
	Meter  metric.Meter
	Logger *slog.Logger
	// Now is the ledger's clock. Nil means time.Now.
	Now func() time.Time
}

// Teller tells an operator what the ledger notes. Any number of processes may do
// so at once.
type Teller struct {
	Options

	told     metric.Int64Counter
	summed   time.Time // until when dead letters are in notices
	searched time.Time // until when events that reached nobody were told
}

// New makes a Teller that does nothing before Run.
func New(options Options) (*Teller, error) {
	if options.Ledger == nil || options.Findings == nil || options.Endpoints == nil || options.Circuits == nil || options.Intake == nil ||
		options.Identity == "" || options.Window <= 0 || options.Meter == nil || options.Logger == nil {
		return nil, errors.New("make teller: a part is missing")
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	t := &Teller{Options: options}
	return t, t.measure()
}

// Run looks every second until ctx ends, and logs what an outage makes fail
// once.
func (t *Teller) Run(ctx context.Context) {
	look := func(ctx context.Context) error { return t.Look(ctx, t.Now()) }
	loop.Run(ctx, loop.Job{Name: "notify operators", Every: interval, Do: look, Logger: t.Logger})
}

// Look tells what there is to tell now. It is not safe for concurrent use.
func (t *Teller) Look(ctx context.Context, now time.Time) error {
	if window := now.Truncate(t.Window); window.After(t.summed) {
		if err := t.Ledger.SumDeaths(ctx, window); err != nil {
			return fmt.Errorf("count dead letters: %w", err)
		}
		t.summed = window
	}
	if err := t.tellUnmatched(ctx, now); err != nil {
		return err
	}
	for {
		notices, err := t.Ledger.Notices(ctx, atOnce)
		if err != nil {
			return fmt.Errorf("read what is to be told: %w", err)
		}
		told, err := t.tell(ctx, notices)
		if err != nil || told == 0 || len(notices) < atOnce {
			return err
		}
	}
}

// tell has the events accepted before the notices are forgotten: a kill in
// between repeats events, which are duplicates then. Whoever forgets a notice
// writes it to the log. It says how many it told.
func (t *Teller) tell(ctx context.Context, notices []postback.Notice) (told int, err error) {
	news, events, err := t.prepare(notices)
	if err != nil {
		return 0, err
	}
	if err := t.accept(ctx, events); err != nil {
		return 0, err
	}
	for _, one := range news {
		mine, err := t.Ledger.ForgetNotice(ctx, one.ID)
		if err != nil {
			return told, fmt.Errorf("note what was told: %w", err)
		}
		if mine {
			t.log(ctx, one)
			t.told.Add(ctx, 1, metric.WithAttributes(attribute.String("type", one.Type)))
		}
		told++
	}
	return told, nil
}

// news is a notice with the endpoint that it is about, if it is about one.
type news struct {
	postback.Notice
	about postback.Endpoint
}

// prepare looks the endpoints up, and makes the events. There is none about an
// operator's endpoint, and a notice of an endpoint that is not known yet, as it
// was made just now, waits.
func (t *Teller) prepare(notices []postback.Notice) (all []news, events []postback.Event, err error) {
	for _, notice := range notices {
		endpoint, known := t.Endpoints.Endpoint(notice.EndpointID)
		if !known && notice.EndpointID != "" {
			continue
		}
		all = append(all, news{notice, endpoint})
		if endpoint.Publisher == postback.Operator {
			continue
		}
		data, err := dataOf(notice, endpoint)
		if err != nil {
			return nil, nil, err
		}
		digest := sha256.Sum256([]byte(notice.ID)) // not of the data: the endpoint may have moved when it is told again
		events = append(events, postback.Event{
			ID: notice.ID, Type: notice.Type, Publisher: postback.Operator, Data: data, OccurredAt: notice.At, Digest: digest[:],
		})
	}
	return all, events, nil
}

func (t *Teller) accept(ctx context.Context, events []postback.Event) error {
	if len(events) == 0 {
		return nil
	}
	_, err := t.accepted(ctx, events)
	return err
}

// accepted has events accepted, and logs which of them nobody is told.
func (t *Teller) accepted(ctx context.Context, events []postback.Event) ([]postback.Acceptance, error) {
	answers, err := t.Intake.Accept(ctx, events)
	if err != nil {
		return nil, fmt.Errorf("tell operators: %w", err)
	}
	for _, answer := range answers {
		if answer.Err != nil {
			t.Logger.ErrorContext(ctx, "an operator's endpoint cannot carry what is to be told",
				slog.String("event", answer.Event.ID), slog.String("type", answer.Event.Type), slog.Any("error", answer.Err))
		}
	}
	return answers, nil
}
