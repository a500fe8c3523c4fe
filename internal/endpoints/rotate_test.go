package endpoints_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waybillhq/waybill/internal/endpoints"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

// Whatever rotations are asked for, some secret signs at every moment, exactly
// one where there is no overlap, the newest of them in front, and none that
// was never made or was replaced before its time.
func TestSomeSecretSignsAtEveryMoment(t *testing.T) {
	t.Parallel()
	manager := endpoints.New(endpoints.Options{Sealer: testkit.NewKeyring(t)})
	start := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		now := start
		endpoint := postback.Endpoint{ID: "ep_1"}
		endpoint.Secrets = manager.Rotate(endpoint, postback.Rotation{Secret: postback.NewSecret("first")}, now)
		overlaps := false
		for range rapid.IntRange(1, 6).Draw(t, "rotations") {
			now = now.Add(rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour, 48 * time.Hour}).Draw(t, "later"))
			rotation := postback.Rotation{
				Secret:  postback.NewSecret("next"),
				Overlap: rapid.SampledFrom([]time.Duration{0, 0, time.Minute, 24 * time.Hour}).Draw(t, "overlap"),
			}
			if ahead := rapid.SampledFrom([]time.Duration{-time.Hour, 0, time.Minute, 36 * time.Hour}).Draw(t, "ahead"); ahead != 0 {
				rotation.At = now.Add(ahead)
			}
			overlaps = overlaps || rotation.Overlap > 0
			endpoint.Secrets = manager.Rotate(endpoint, rotation, now)
		}
		for _, ahead := range []time.Duration{0, time.Nanosecond, time.Second, time.Minute, time.Hour, 36 * time.Hour, 100 * 24 * time.Hour} {
			signing := endpoint.SecretsAt(now.Add(ahead))
			if len(signing) == 0 || len(signing) > 1 && !overlaps {
				t.Fatalf("%d secrets sign %s from now: %+v", len(signing), ahead, endpoint.Secrets)
			}
			for i, secret := range signing {
				if len(secret.Sealed) == 0 {
					t.Fatalf("version %d is to sign %s from now, and its value is gone", secret.Version, ahead)
				}
				if i > 0 && secret.Version >= signing[i-1].Version {
					t.Fatalf("the newest does not come first: %+v", signing)
				}
			}
		}
		if last := endpoint.SecretsAt(now.Add(1000 * time.Hour)); len(last) != 1 || last[0].Version != endpoint.Secrets[0].Version {
			t.Fatalf("in the end the newest alone must sign: %+v", last)
		}
	})
}

func TestRotationsThatCannotBe(t *testing.T) {
	t.Parallel()
	parts := testkit.NewParts(t)
	endpoint := parts.Create(t, spec())
	for name, test := range map[string]struct {
		rotation postback.Rotation
		field    string
	}{
		"in the past":             {postback.Rotation{At: time.Now().Add(-time.Minute)}, "at"},
		"too far ahead":           {postback.Rotation{At: time.Now().Add(31 * 24 * time.Hour)}, "at"},
		"negative overlap":        {postback.Rotation{Overlap: -time.Second}, "overlap"},
		"endless overlap":         {postback.Rotation{Overlap: 31 * 24 * time.Hour}, "overlap"},
		"no room for a signature": {postback.Rotation{Overlap: time.Hour}, "overlap"},
	} {
		_, _, err := parts.Endpoints.RotateSecret(t.Context(), endpoint.ID, test.rotation)
		t.Log(name)
		expectRefusal(t, err, test.field, postback.CodeInvalid)
	}
}

// A secret that signs already is no new one: the publisher would be told of a
// rotation that changes nothing.
func TestRotationToTheSameSecret(t *testing.T) {
	t.Parallel()
	parts := testkit.NewParts(t)
	wanted := spec()
	wanted.Secret = postback.NewSecret("a-secret-of-besitos-1")
	endpoint := parts.Create(t, wanted)
	_, _, err := parts.Endpoints.RotateSecret(t.Context(), endpoint.ID, postback.Rotation{Secret: wanted.Secret})
	expectRefusal(t, err, "secret", postback.CodeSecretUnchanged)
	if after := stored(t, parts, endpoint.ID); len(after.Secrets) != 1 || after.Revision != endpoint.Revision {
		t.Errorf("the endpoint was changed: %+v", after)
	}
	// A planned one may be planned anew, for another time.
	next := postback.Rotation{Secret: postback.NewSecret("a-secret-of-besitos-2"), At: time.Now().Add(time.Hour)}
	if _, _, err := parts.Endpoints.RotateSecret(t.Context(), endpoint.ID, next); err != nil {
		t.Fatal(err)
	}
	next.At, next.Replace = next.At.Add(time.Hour), true
	if _, _, err := parts.Endpoints.RotateSecret(t.Context(), endpoint.ID, next); err != nil {
		t.Fatal(err)
	}
}

// A schedule without delays is one attempt, not the scheme's default.
func TestAnEmptyScheduleIsKept(t *testing.T) {
	t.Parallel()
	parts := testkit.NewParts(t)
	wanted := spec()
	wanted.Retry = postback.RetryPolicy{Schedule: []postback.Duration{}}
	endpoint := parts.Create(t, wanted)
	for name, policy := range map[string]postback.RetryPolicy{
		"created": endpoint.Retry, "stored": stored(t, parts, endpoint.ID).Retry, "known": known(t, parts, endpoint.ID).Retry,
	} {
		if policy.Schedule == nil || len(policy.Schedule) > 0 || policy.MaxAttempts != 0 {
			t.Errorf("%s: got %+v", name, policy)
		}
	}
}

// A rotation that is set for later changes nothing until then, and one after
// it takes its place.
func TestRotationForLater(t *testing.T) {
	t.Parallel()
	parts := testkit.NewParts(t)
	endpoint := parts.Create(t, spec())
	at := time.Now().Add(time.Hour)
	later, _, err := parts.Endpoints.RotateSecret(t.Context(), endpoint.ID, postback.Rotation{At: at})
	if err != nil {
		t.Fatal(err)
	}
	if now, then := later.SecretsAt(time.Now()), later.SecretsAt(at); len(now) != 1 || now[0].Version != 1 || len(then) != 1 || then[0].Version != 2 {
		t.Fatalf("now %+v, then %+v", now, then)
	}
	for _, unnamed := range []postback.Rotation{{}, {At: at.Add(time.Hour)}} {
		_, _, err = parts.Endpoints.RotateSecret(t.Context(), endpoint.ID, unnamed)
		expectRefusal(t, err, "", postback.CodeRotationPlanned)
	}
	replaced, _, err := parts.Endpoints.RotateSecret(t.Context(), endpoint.ID, postback.Rotation{Replace: true})
	if err != nil {
		t.Fatal(err)
	}
	if then := replaced.SecretsAt(at.Add(time.Minute)); len(then) != 1 || then[0].Version != 3 || len(replaced.Secrets) != 2 {
		t.Fatalf("the replaced rotation is still there: %+v", replaced.Secrets)
	}
}
