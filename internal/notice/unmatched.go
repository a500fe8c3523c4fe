package notice

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/waybillhq/waybill/postback"
)

const (
	// strayWindows is of how many windows of dead letters the events that reached
	// nobody are told together: they are less urgent.
	strayWindows = 5
	// strayPast is how many such times a process looks back when it starts: what was
	// told is not told again.
	strayPast = 12
	// strayLimit bounds how many events are counted, and strayPublishers how many
	// publishers are named.
	strayLimit      = 100_000
	strayPublishers = 10
)

// unmatchedData is the data of the event about events that reached nobody.
type unmatchedData struct {
	Count      int              `json:"count"`
	Since      stamp            `json:"since"`
	Until      stamp            `json:"until"`
	Publishers []strayPublisher `json:"publishers"`
	More       int              `json:"more_publishers"` // that are not named
}

// strayPublisher is one whose events reached nobody.
type strayPublisher struct {
	Publisher string   `json:"publisher"`
	Count     int      `json:"count"`
	Endpoints int      `json:"endpoints"` // that it has now; 0: the name may be misspelt
	Events    []string `json:"events"`    // the first few
}

// tellUnmatched tells of the events that reached nobody, those of a few windows
// together. The ledger is read once they are all written, and the event's id is
// that of the time, so that it is told once whoever tells it.
func (t *Teller) tellUnmatched(ctx context.Context, now time.Time) error {
	span := strayWindows * t.Window
	last := now.Add(-t.Window).Truncate(span)
	if first := last.Add(-strayPast * span); t.searched.Before(first) {
		t.searched = first
	}
	for t.searched.Before(last) {
		until := t.searched.Add(span)
		if err := t.tellUnmatchedOf(ctx, t.searched, until); err != nil {
			return err
		}
		t.searched = until
	}
	return nil
}

func (t *Teller) tellUnmatchedOf(ctx context.Context, since, until time.Time) error {
	found, err := t.Findings.Unmatched(ctx, since, until, strayLimit)
	if err != nil || len(found) == 0 {
		return err //nolint:wrapcheck // it says what it was doing
	}
	data := t.summary(found)
	data.Since, data.Until = stamp{since}, stamp{until}
	event, err := t.event(postback.NoticeUnmatched, data, until, postback.NoticeUnmatched, since.UTC().Format(time.RFC3339))
	if err != nil {
		return err
	}
	answers, err := t.accepted(ctx, []postback.Event{event})
	if err != nil || answers[0].Duplicate {
		return err
	}
	t.Logger.WarnContext(ctx, "events reached nobody", slog.Int("count", data.Count), slog.Time("since", since), slog.Time("until", until),
		slog.String("publisher", data.Publishers[0].Publisher), slog.Int("publishers", len(found)))
	t.told.Add(ctx, 1, metric.WithAttributes(attribute.String("type", postback.NoticeUnmatched)))
	return nil
}

// summary names the publishers that have most of them.
func (t *Teller) summary(found []postback.Unmatched) (data unmatchedData) {
	endpoints := map[string]int{}
	for _, endpoint := range t.Endpoints.All() {
		if endpoint.State != postback.EndpointDeleted {
			endpoints[endpoint.Publisher]++
		}
	}
	for _, one := range found {
		data.Count += one.Count
		if len(data.Publishers) == strayPublishers {
			data.More++
			continue
		}
		data.Publishers = append(data.Publishers, strayPublisher{
			Publisher: one.Publisher, Count: one.Count, Endpoints: endpoints[one.Publisher], Events: one.Events,
		})
	}
	return data
}

// event makes an event of an operator whose id is made of what it is about, and of
// the ledger: nobody who does not know it can foresee the id and take it first.
func (t *Teller) event(eventType string, data any, at time.Time, about ...string) (postback.Event, error) {
	text, err := postback.EncodeJSON(data)
	if err != nil {
		return postback.Event{}, fmt.Errorf("write alert: %w", err)
	}
	digest := sha256.Sum256([]byte(t.Identity + "\n" + strings.Join(about, "\n")))
	return postback.Event{
		ID: "op_" + hex.EncodeToString(digest[:16]), Type: eventType, Publisher: postback.Operator,
		Data: text, OccurredAt: at, Digest: digest[:],
	}, nil
}
