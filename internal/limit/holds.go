package limit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/waybillhq/waybill/internal/loop"
	"github.com/waybillhq/waybill/postback"
)

const (
	// LongestHold is how long an endpoint is held at most, whatever it asks for.
	LongestHold = time.Hour
	// holdPatience bounds how long Redis may take to hear of a hold.
	holdPatience = time.Second
)

// Holds knows the endpoints that asked to be left alone for a while. What it
// knows of other processes is as old as the last Refresh. It is safe for
// concurrent use.
type Holds struct {
	redis      redis.Scripter
	hold, list *redis.Script

	mu   sync.Mutex
	byID map[string]spans
}

// span is from when until when an endpoint is held.
type span struct{ since, until time.Time }

// NewHolds makes Holds over a Redis, which all processes must share.
func NewHolds(client redis.Scripter) *Holds {
	return &Holds{redis: client, hold: redis.NewScript(holdTime + hold), list: redis.NewScript(holdTime + listHolds), byID: map[string]spans{}}
}

// Held reports whether the endpoint is to be left alone.
func (h *Holds) Held(endpoint postback.Endpoint, now time.Time) bool {
	return !h.Until(endpoint, now).IsZero()
}

// Until says until when the endpoint is to be left alone; zero: it is not. Who
// changed or resumed it since it asked for that wants it tried.
func (h *Holds) Until(endpoint postback.Endpoint, now time.Time) (until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, held := range h.byID[endpoint.ID] {
		if held.until.After(now) && held.until.After(until) && !endpoint.UpdatedAt.After(held.since) {
			until = held.until
		}
	}
	return until
}

// Hold has all processes leave the endpoint alone from a time on, for so long
// and for LongestHold at most. A shorter hold ends none that is longer, unless the
// endpoint was changed since that began. After an error only this process does so.
func (h *Holds) Hold(ctx context.Context, endpoint postback.Endpoint, at time.Time, wait time.Duration) error {
	wait = min(wait, LongestHold)
	h.mu.Lock()
	h.keep(endpoint.ID, span{since: at, until: at.Add(wait)})
	h.mu.Unlock()
	changed := max(0, at.Sub(endpoint.UpdatedAt))
	ctx, cancel := context.WithTimeout(ctx, holdPatience)
	defer cancel()
	if err := h.hold.Run(ctx, h.redis, []string{holdsKey}, endpoint.ID, wait.Microseconds(), LongestHold.Microseconds(), changed.Microseconds()).Err(); err != nil {
		return fmt.Errorf("hold endpoint: %w", err)
	}
	return nil
}

// spans are those of one endpoint of which none makes another one needless: who
// was resumed since a long one began is held for a later one alone.
type spans []span

// and adds one.
func (all spans) and(held span) spans {
	if slices.ContainsFunc(all, held.within) {
		return all
	}
	return append(slices.DeleteFunc(all, func(one span) bool { return one.within(held) }), held)
}

// within reports whether another one began as late and lasts as long.
func (one span) within(other span) bool {
	return !other.since.Before(one.since) && !other.until.Before(one.until)
}

func (h *Holds) keep(endpointID string, held span) {
	h.byID[endpointID] = h.byID[endpointID].and(held)
}

// forget forgets what is over.
func (h *Holds) forget(now time.Time) {
	for id, all := range h.byID {
		all = slices.DeleteFunc(all, func(held span) bool { return !held.until.After(now) })
		if h.byID[id] = all; len(all) == 0 {
			delete(h.byID, id)
		}
	}
}

// Refresh learns at a time of the holds of all processes, and forgets those that
// are over.
func (h *Holds) Refresh(ctx context.Context, now time.Time) error {
	all, err := h.list.Run(ctx, h.redis, []string{holdsKey}, "", 0, LongestHold.Microseconds()).StringSlice()
	if err != nil {
		return fmt.Errorf("read holds: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forget(now)
	for ; len(all) >= 3; all = all[3:] {
		ago, wrongAgo := micros(all[1])
		left, wrongLeft := micros(all[2])
		if err = errors.Join(wrongAgo, wrongLeft); err != nil {
			return fmt.Errorf("read holds: %w", err)
		}
		h.keep(all[0], span{since: now.Add(-ago), until: now.Add(left)})
	}
	return nil
}

func micros(text string) (time.Duration, error) {
	count, err := strconv.ParseInt(text, 10, 64)
	return time.Duration(count) * time.Microsecond, err //nolint:wrapcheck // Refresh says what it was doing
}

// Follow refreshes at every interval until ctx ends, by the clock that its caller
// gives to Held and Hold.
func (h *Holds) Follow(ctx context.Context, interval time.Duration, now func() time.Time, log *slog.Logger) {
	refresh := func(ctx context.Context) error { return h.Refresh(ctx, now()) }
	loop.Run(ctx, loop.Job{Name: "follow holds of endpoints", Every: interval, Do: refresh, Logger: log})
}
