// Package notice alerts operators about endpoints, deliveries and egress: with
// events that are delivered to the operator's own endpoints, in the log, and in
// metrics.
//
// It guarantees that every notice in the ledger becomes exactly one event,
// whichever process crashes and however many run; that the log has it once; that
// no event holds a secret or more of a URL than its host; and that a failing
// operator endpoint makes no event, so that one alert never leads to the next.
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
	// interval is how late an alert may be, roughly.
	interval = time.Second
	// atOnce bounds how many notices are read at once.
	atOnce = 100
)

// Ledger keeps notices until their events are accepted.
type Ledger interface {
	SumDeadLetters(ctx context.Context, before time.Time) error
	Notices(ctx context.Context, at time.Time, limit int) ([]postback.Notice, error)
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

// Options are the parts of a Notifier; all but Now are required.
type Options struct {
	Ledger    Ledger
	Findings  Findings
	Endpoints Endpoints
	Circuits  Circuits
	Intake    Intake
	// Identity is the ledger's; it makes ids of events unforeseeable.
	Identity string
	// Window is how often there is an alert about an endpoint's dead letters at
	// most, and a fifth of how often about events that reached nobody.
	Window time.Duration
	Meter  metric.Meter
	Logger *slog.Logger
	// Now is the ledger's clock. Nil means time.Now.
	Now func() time.Time
}

// Notifier turns the ledger's notices into alerts. Any number of processes may run
// one at once.
type Notifier struct {
	Options

	alerts   metric.Int64Counter
	summed   time.Time // until when dead letters are in notices
	searched time.Time // until when events that reached nobody were looked for
}

// New makes a Notifier that does nothing before Run.
func New(options Options) (*Notifier, error) {
	if options.Ledger == nil || options.Findings == nil || options.Endpoints == nil || options.Circuits == nil || options.Intake == nil ||
		options.Identity == "" || options.Window <= 0 || options.Meter == nil || options.Logger == nil {
		return nil, errors.New("make notifier: a part is missing")
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	n := &Notifier{Options: options}
	return n, n.measure()
}

// Run looks every second until ctx ends, and logs what an outage makes fail
// once.
func (n *Notifier) Run(ctx context.Context) {
	look := func(ctx context.Context) error { return n.Look(ctx, n.Now()) }
	loop.Run(ctx, loop.Job{Name: "notify operators", Every: interval, Do: look, Logger: n.Logger})
}

// Look sends the alerts that are due. It is not safe for concurrent use.
func (n *Notifier) Look(ctx context.Context, now time.Time) error {
	if window := now.Truncate(n.Window); window.After(n.summed) {
		if err := n.Ledger.SumDeadLetters(ctx, window); err != nil {
			return fmt.Errorf("count dead letters: %w", err)
		}
		n.summed = window
	}
	if err := n.notifyUnmatched(ctx, now); err != nil {
		return err
	}
	for {
		notices, err := n.Ledger.Notices(ctx, now, atOnce)
		if err != nil {
			return fmt.Errorf("read notices: %w", err)
		}
		sent, err := n.send(ctx, notices)
		if err != nil || sent == 0 || len(notices) < atOnce {
			return err
		}
	}
}

// send has the events accepted before it deletes the notices: a crash in between
// repeats events, which are duplicates then. The process that deletes a notice
// writes it to the log.
func (n *Notifier) send(ctx context.Context, notices []postback.Notice) (sent int, err error) {
	news, events, err := n.prepare(notices)
	if err != nil {
		return 0, err
	}
	if err := n.accept(ctx, events); err != nil {
		return 0, err
	}
	for _, one := range news {
		mine, err := n.Ledger.ForgetNotice(ctx, one.ID)
		if err != nil {
			return sent, fmt.Errorf("delete notice: %w", err)
		}
		if mine {
			n.log(ctx, one)
			n.alerts.Add(ctx, 1, metric.WithAttributes(attribute.String("type", one.Type)))
		}
		sent++
	}
	return sent, nil
}

// news is a notice with the endpoint that it is about, if it is about one.
type news struct {
	postback.Notice
	about postback.Endpoint
}

// prepare looks the endpoints up, and makes the events. There is none about an
// operator's endpoint, and a notice of an endpoint that is not known yet, as it
// was made just now, waits.
func (n *Notifier) prepare(notices []postback.Notice) (all []news, events []postback.Event, err error) {
	for _, notice := range notices {
		endpoint, known := n.Endpoints.Endpoint(notice.EndpointID)
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
		digest := sha256.Sum256([]byte(notice.ID)) // not of the data: the endpoint may have moved when it is sent again
		events = append(events, postback.Event{
			ID: notice.ID, Type: notice.Type, Publisher: postback.Operator, Data: data, OccurredAt: notice.At, Digest: digest[:],
		})
	}
	return all, events, nil
}

func (n *Notifier) accept(ctx context.Context, events []postback.Event) error {
	if len(events) == 0 {
		return nil
	}
	_, err := n.accepted(ctx, events)
	return err
}

// accepted has events accepted, and logs which of them no endpoint can carry.
func (n *Notifier) accepted(ctx context.Context, events []postback.Event) ([]postback.Acceptance, error) {
	answers, err := n.Intake.Accept(ctx, events)
	if err != nil {
		return nil, fmt.Errorf("accept alerts: %w", err)
	}
	for _, answer := range answers {
		if answer.Err != nil {
			n.Logger.ErrorContext(ctx, "no operator endpoint can carry an alert",
				slog.String("event", answer.Event.ID), slog.String("type", answer.Event.Type), slog.Any("error", answer.Err))
		}
	}
	return answers, nil
}
