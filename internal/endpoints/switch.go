package endpoints

import (
	"context"
	"errors"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// Pause stops sending to the endpoint; what is due for it waits, parked.
func (m *Manager) Pause(ctx context.Context, endpointID string) (postback.Endpoint, error) {
	return m.turn(ctx, endpointID, postback.EndpointPaused)
}

// Resume sends to a paused or disabled endpoint again; the dispatcher releases
// what waited.
func (m *Manager) Resume(ctx context.Context, endpointID string) (postback.Endpoint, error) {
	return m.turn(ctx, endpointID, postback.EndpointEnabled)
}

func (m *Manager) turn(ctx context.Context, endpointID string, state postback.EndpointState) (postback.Endpoint, error) {
	return m.change(ctx, endpointID, func(endpoint *postback.Endpoint) error {
		endpoint.State, endpoint.DisabledReason, endpoint.DisabledAt = state, "", time.Time{}
		return nil
	})
}

// errDisabled ends a change that was made already.
var errDisabled = errors.New("the endpoint is disabled already")

// Disable stops sending to an endpoint for a reason that its answers gave, until
// somebody resumes it. Those were answers to what was sent by the revision that
// was seen: CodeConflict when the endpoint was changed since, for a new URL may
// have mended it. One that is disabled already stays as it is. CodeNotFound.
func (m *Manager) Disable(ctx context.Context, endpointID string, seen int64, reason string) error {
	_, err := m.change(ctx, endpointID, func(endpoint *postback.Endpoint) error {
		switch {
		case endpoint.State == postback.EndpointDisabled:
			return errDisabled
		case endpoint.Revision != seen:
			return postback.Failure(postback.CodeConflict, "the endpoint %s was changed meanwhile", endpointID)
		}
		endpoint.State, endpoint.DisabledReason, endpoint.DisabledAt = postback.EndpointDisabled, reason, m.now()
		return nil
	})
	if errors.Is(err, errDisabled) {
		return nil
	}
	return err
}
