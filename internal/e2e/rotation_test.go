package e2e_test

import (
	"slices"
	"testing"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/internal/testkit"
)

// Secrets change under load: no request is ever signed with a secret that was
// never the endpoint's, and once the last rotation is done and what was under
// way has arrived, only the last secret signs.
func TestRotationUnderLoad(t *testing.T) {
	t.Parallel()
	const events, rotations = 1000, 8
	r := newReceiver(t, "bitlabs")
	s := start(t, t.TempDir())
	register(t, s, r)
	endpoints, err := s.ListEndpoints(t.Context(), client.EndpointFilter{}, client.PageRequest{})
	if err != nil {
		t.Fatal(err)
	}
	id := endpoints.Items[0].ID
	var p producer
	p.server.Store(s)
	produced := make(chan []string, 1)
	go func() { produced <- p.produce(t.Context(), t, events) }()
	for rotation := range int64(rotations) {
		p.waitAccepted(t, (rotation+1)*events/(rotations+1))
		r.mu.Lock() // the receiver learns of the secret before anything signed with it is judged
		rotated, err := s.RotateSecret(t.Context(), id, client.Rotation{})
		if err == nil {
			r.secrets = append(r.secrets, rotated.Secret)
		}
		r.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
	}
	checkAllDelivered(t, s, r, <-produced, soon)

	r.mu.Lock()
	r.secrets = r.secrets[rotations:]
	r.mu.Unlock()
	if _, err := s.SendEvent(t.Context(), event("afterwards")); err != nil {
		t.Fatal(err)
	}
	r.waitFor(t, events+1, soon)
	if bad := r.refusals(); len(bad) > 0 {
		t.Errorf("an older secret still signs: %s", bad[0])
	}
	// Not each of them must have signed something in the moment that it was good.
	// Uses are written every ten seconds.
	used := func(secret client.SecretTimes) bool { return !secret.LastUsedAt.IsZero() }
	testkit.Eventually(t, "the endpoint shows the last uses of its secrets", func() bool {
		shown, err := s.GetEndpoint(t.Context(), id)
		return err == nil && shown.SecretVersion == rotations+1 && used(shown.Secrets[0]) && slices.ContainsFunc(shown.Secrets[1:], used)
	})
}
