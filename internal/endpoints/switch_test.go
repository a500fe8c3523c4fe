package endpoints_test

import (
	"context"
	"testing"

	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

func TestDisable(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		before  func(context.Context, *testkit.Parts, string) error // after the endpoint was seen
		code    postback.Code                                       // empty: nil
		state   postback.EndpointState
		changes int64
	}{
		"as it was seen": {nil, "", postback.EndpointDisabled, 1},
		"already": {func(ctx context.Context, p *testkit.Parts, id string) error {
			return p.Endpoints.Disable(ctx, id, revision(p, id), "gone")
		}, "", postback.EndpointDisabled, 1},
		"paused meanwhile": {func(ctx context.Context, p *testkit.Parts, id string) error {
			_, err := p.Endpoints.Pause(ctx, id)
			return err
		}, postback.CodeConflict, postback.EndpointPaused, 1},
		"disabled and enabled meanwhile": {func(ctx context.Context, p *testkit.Parts, id string) error {
			if err := p.Endpoints.Disable(ctx, id, revision(p, id), "gone"); err != nil {
				return err
			}
			_, err := p.Endpoints.Resume(ctx, id)
			return err
		}, postback.CodeConflict, postback.EndpointEnabled, 2},
		"deleted meanwhile": {func(ctx context.Context, p *testkit.Parts, id string) error {
			return p.Endpoints.Delete(ctx, id)
		}, postback.CodeNotFound, postback.EndpointDeleted, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parts := testkit.NewParts(t)
			seen := parts.Create(t, spec())
			if test.before != nil {
				if err := test.before(t.Context(), parts, seen.ID); err != nil {
					t.Fatal(err)
				}
			}
			err := parts.Endpoints.Disable(t.Context(), seen.ID, seen.Revision, postback.DisabledGone)
			if (err == nil) != (test.code == "") || err != nil && postback.CodeOf(err) != test.code {
				t.Errorf("got %v, want %q", err, test.code)
			}
			now := stored(t, parts, seen.ID)
			disabled := test.state == postback.EndpointDisabled
			if now.State != test.state || (now.DisabledReason == "gone") != disabled || now.DisabledAt.IsZero() == disabled || now.Revision != seen.Revision+test.changes {
				t.Errorf("got %s %q since %v in revision %d of %d", now.State, now.DisabledReason, now.DisabledAt, now.Revision, seen.Revision)
			}
			if known(t, parts, seen.ID).State != test.state {
				t.Error("this process does not know")
			}
		})
	}
}

func revision(p *testkit.Parts, id string) int64 {
	endpoint, _ := p.Registry.Endpoint(id)
	return endpoint.Revision
}
