// Package registry keeps every endpoint in memory and follows the ledger's
// changes.
//
// It guarantees that a change made by any process is seen within one interval
// of Follow, that Refresh sees what was committed before it was called, and
// that looking up never touches the ledger.
package registry

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/waybillhq/waybill/internal/loop"
	"github.com/waybillhq/waybill/postback"
)

// Ledger tells which endpoints changed.
type Ledger interface {
	// EndpointsSince returns every endpoint, deleted ones too, whose Revision
	// is greater, in order of Revision.
	EndpointsSince(ctx context.Context, revision int64) ([]postback.Endpoint, error)
}

// Registry is the endpoints in memory. It is safe for concurrent use.
type Registry struct {
	ledger Ledger

	refreshing chan struct{} // full while somebody reads changes: one at a time
	revision   int64         // the last change seen; while refreshing

	mu          sync.RWMutex
	byID        map[string]postback.Endpoint
	byPublisher map[string][]string // ids, in the order they were made
	everOf      map[string][]string // the same, with deleted ones
}

// New makes an empty registry; Refresh fills it.
func New(ledger Ledger) *Registry {
	return &Registry{
		ledger:      ledger,
		refreshing:  make(chan struct{}, 1),
		byID:        map[string]postback.Endpoint{},
		byPublisher: map[string][]string{},
		everOf:      map[string][]string{},
	}
}

// Refresh takes in every change since the last call. It waits for another one
// under way no longer than ctx lets it.
func (r *Registry) Refresh(ctx context.Context) error {
	select {
	case r.refreshing <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("wait for another refresh: %w", context.Cause(ctx))
	}
	defer func() { <-r.refreshing }()
	changed, err := r.ledger.EndpointsSince(ctx, r.revision)
	if err != nil {
		return fmt.Errorf("read changed endpoints: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, endpoint := range changed {
		r.put(endpoint)
		r.revision = endpoint.Revision
	}
	return nil
}

func (r *Registry) put(endpoint postback.Endpoint) {
	if _, known := r.byID[endpoint.ID]; !known {
		r.byPublisher[endpoint.Publisher] = append(r.byPublisher[endpoint.Publisher], endpoint.ID)
		r.everOf[endpoint.Publisher] = append(r.everOf[endpoint.Publisher], endpoint.ID)
	}
	r.byID[endpoint.ID] = endpoint
	if endpoint.State == postback.EndpointDeleted {
		// The endpoint stays known by id: deliveries under way must learn that
		// it is gone, not that it never was.
		ids := r.byPublisher[endpoint.Publisher]
		r.byPublisher[endpoint.Publisher] = slices.DeleteFunc(ids, func(id string) bool { return id == endpoint.ID })
	}
}

// Follow refreshes at every interval until ctx ends.
func (r *Registry) Follow(ctx context.Context, interval time.Duration, log *slog.Logger) {
	loop.Run(ctx, loop.Job{Name: "follow endpoints", Every: interval, Do: r.Refresh, Logger: log})
}

// Endpoint looks an endpoint up by its id; deleted ones are found too.
func (r *Registry) Endpoint(id string) (postback.Endpoint, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	endpoint, ok := r.byID[id]
	return endpoint, ok
}

// All lists every endpoint, deleted ones too, in no order.
func (r *Registry) All() []postback.Endpoint {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Collect(maps.Values(r.byID))
}

// Has reports whether a publisher has an endpoint that is not deleted.
func (r *Registry) Has(publisher string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.byPublisher[publisher]) > 0
}

// Of lists the ids of a publisher's endpoints, deleted ones too.
func (r *Registry) Of(publisher string) []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Clone(r.everOf[publisher])
}

// Matching lists the endpoints that want a publisher's events of a type.
func (r *Registry) Matching(publisher, eventType string) []postback.Endpoint {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var matching []postback.Endpoint
	for _, id := range r.byPublisher[publisher] {
		if endpoint := r.byID[id]; endpoint.Wants(publisher, eventType) {
			matching = append(matching, endpoint)
		}
	}
	return matching
}

// LongestTimeout is the longest that an attempt to any endpoint may take.
func (r *Registry) LongestTimeout() time.Duration {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var longest time.Duration
	for _, endpoint := range r.byID {
		if endpoint.State != postback.EndpointDeleted {
			longest = max(longest, time.Duration(endpoint.Timeout))
		}
	}
	return longest
}
