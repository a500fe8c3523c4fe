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
	// strayWindows is how many windows of dead letters share one alert about events
	// that reached nobody: they are less urgent.
	strayWindows = 5
	// strayPast is how many of those a process looks back over when it starts; no
	// alert is repeated.
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

// notifyUnmatched alerts about events that reached nobody, once for a few windows.
// The ledger is read once they are all written, and the alert's id is that of the
// time, so that there is one whichever process sends it.
func (n *Notifier) notifyUnmatched(ctx context.Context, now time.Time) error {
	span := strayWindows * n.Window
	last := now.Add(-n.Window).Truncate(span)
	if first := last.Add(-strayPast * span); n.searched.Before(first) {
		n.searched = first
	}
	for n.searched.Before(last) {
		until := n.searched.Add(span)
		if err := n.notifyUnmatchedOf(ctx, n.searched, until); err != nil {
			return err
		}
		n.searched = until
	}
	return nil
}

func (n *Notifier) notifyUnmatchedOf(ctx context.Context, since, until time.Time) error {
	found, err := n.Findings.Unmatched(ctx, since, until, strayLimit)
	if err != nil || len(found) == 0 {
		return err //nolint:wrapcheck // it says what it was doing
	}
	data := n.summary(found)
	data.Since, data.Until = stamp{since}, stamp{until}
	event, err := n.event(postback.NoticeUnmatched, data, until, postback.NoticeUnmatched, since.UTC().Format(time.RFC3339))
	if err != nil {
		return err
	}
	answers, err := n.accepted(ctx, []postback.Event{event})
	if err != nil || answers[0].Duplicate {
		return err
	}
	n.Logger.WarnContext(ctx, "events reached nobody", slog.Int("count", data.Count), slog.Time("since", since), slog.Time("until", until),
		slog.String("publisher", data.Publishers[0].Publisher), slog.Int("publishers", len(found)))
	n.alerts.Add(ctx, 1, metric.WithAttributes(attribute.String("type", postback.NoticeUnmatched)))
	return nil
}

// summary names the publishers that have most of them.
func (n *Notifier) summary(found []postback.Unmatched) (data unmatchedData) {
	endpoints := map[string]int{}
	for _, endpoint := range n.Endpoints.All() {
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
func (n *Notifier) event(eventType string, data any, at time.Time, about ...string) (postback.Event, error) {
	text, err := postback.EncodeJSON(data)
	if err != nil {
		return postback.Event{}, fmt.Errorf("write alert: %w", err)
	}
	digest := sha256.Sum256([]byte(n.Identity + "\n" + strings.Join(about, "\n")))
	return postback.Event{
		ID: "op_" + hex.EncodeToString(digest[:16]), Type: eventType, Publisher: postback.Operator,
		Data: text, OccurredAt: at, Digest: digest[:],
	}, nil
}
