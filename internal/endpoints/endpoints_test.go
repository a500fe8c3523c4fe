package endpoints_test

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/endpoints"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
	"github.com/waybillhq/waybill/store/storetest"
)

// besitosRetry is what endpoints of besitos get that say nothing of retries.
func besitosRetry() postback.RetryPolicy {
	return postback.RetryPolicy{
		Initial: postback.Duration(30 * time.Second), Multiplier: 6, MaxInterval: postback.Duration(12 * time.Hour), MaxAttempts: 6, Jitter: 0.1,
	}
}

func TestCreateCompletesWhatIsNotSaid(t *testing.T) {
	t.Parallel()
	parts := testkit.NewParts(t)
	endpoint, secret, warnings, err := parts.Endpoints.Create(t.Context(), spec())
	if err != nil {
		t.Fatal(err)
	}
	if endpoint.Method != "GET" || time.Duration(endpoint.Timeout) != postback.DefaultTimeout || endpoint.State != postback.EndpointEnabled {
		t.Errorf("got %+v", endpoint)
	}
	if !reflect.DeepEqual(endpoint.Retry, besitosRetry()) {
		t.Errorf("got the retry policy %+v", endpoint.Retry)
	}
	if err := signer.CheckSecret("besitos", secret.Reveal()); err != nil {
		t.Errorf("the secret that was made: %v", err)
	}
	if warnings == nil || len(warnings) != 0 {
		t.Errorf("got warnings %v, want none, as a list", warnings)
	}
	if seen := known(t, parts, endpoint.ID); seen.Revision != endpoint.Revision {
		t.Errorf("the process sees revision %d, want %d", seen.Revision, endpoint.Revision)
	}
}

func TestCreateKeepsWhatIsSaid(t *testing.T) {
	t.Parallel()
	parts := testkit.NewParts(t)
	wanted := postback.EndpointSpec{
		Publisher: "pub_1", Scheme: "simpleswap",
		EndpointSettings: postback.EndpointSettings{
			URL: "https://127.0.0.1:8443/hook", Method: "POST",
			EventTypes: []string{"exchange.*"}, Timeout: postback.Duration(3 * time.Second), Description: "the exchange",
			Retry:   postback.RetryPolicy{Schedule: []postback.Duration{postback.Duration(time.Minute)}},
			Headers: map[string]string{"X-Key": "k"},
		},
	}
	endpoint := parts.Create(t, wanted)
	for _, got := range []postback.Endpoint{endpoint, stored(t, parts, endpoint.ID), known(t, parts, endpoint.ID)} {
		if got.Publisher != wanted.Publisher || got.URL != wanted.URL || got.Scheme != wanted.Scheme || got.Method != wanted.Method ||
			got.Timeout != wanted.Timeout || got.Description != wanted.Description ||
			!reflect.DeepEqual(got.EventTypes, wanted.EventTypes) || !reflect.DeepEqual(got.Retry, wanted.Retry) ||
			!reflect.DeepEqual(got.Headers, wanted.Headers) {
			t.Errorf("got %+v, want %+v", got, wanted)
		}
	}
}

func TestCreateWarns(t *testing.T) {
	t.Parallel()
	parts := testkit.NewParts(t)
	wanted := spec()
	wanted.URL = "https://receiver.example.com:8443/"
	_, _, warnings, err := parts.Endpoints.Create(t.Context(), wanted)
	if err != nil || len(warnings) != 1 || warnings[0].Code == "" || warnings[0].Message == "" {
		t.Errorf("got %v, %v, want a warning of the port", warnings, err)
	}
}

func TestSecretsAreSealed(t *testing.T) {
	t.Parallel()
	const given = "s3cret-s3cret-s3cret"
	parts := testkit.NewParts(t)
	wanted := spec()
	wanted.Secret = postback.NewSecret(given)
	endpoint, secret, _, err := parts.Endpoints.Create(t.Context(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	if secret.Reveal() != given {
		t.Errorf("the answer shows %q", secret.Reveal())
	}
	expectSecret(t, parts, endpoint.ID, 1, given)

	rotated, second, err := parts.Endpoints.RotateSecret(t.Context(), endpoint.ID, postback.Rotation{})
	if err != nil || second.Empty() || second.Reveal() == given || rotated.Revision <= endpoint.Revision {
		t.Fatalf("rotated to revision %d, %v", rotated.Revision, err)
	}
	expectSecret(t, parts, endpoint.ID, 2, second.Reveal())

	_, third, err := parts.Endpoints.RotateSecret(t.Context(), endpoint.ID, postback.Rotation{Secret: postback.NewSecret("an-0ther-s3cret" + given)})
	if err != nil || third.Reveal() != "an-0ther-s3cret"+given {
		t.Fatalf("imported %q, %v", third.Reveal(), err)
	}
	expectSecret(t, parts, endpoint.ID, 3, third.Reveal())

	_, none, err := parts.Endpoints.RotateSecret(t.Context(), endpoint.ID, postback.Rotation{Secret: postback.NewSecret("short")})
	expectRefusal(t, err, "secret", signer.CodeSecretTooShort)
	if !none.Empty() {
		t.Error("a refused rotation answers with a secret")
	}
	expectSecret(t, parts, endpoint.ID, 3, third.Reveal())
}

// expectSecret checks that there is one secret, and that it opens only in its
// place.
func expectSecret(t *testing.T, parts *testkit.Parts, id string, version int, want string) {
	t.Helper()
	endpoint := stored(t, parts, id)
	current := endpoint.Secrets[0]
	if current.Version != version || !current.RetiredAt.IsZero() || bytes.Contains(current.Sealed, []byte(want)) {
		t.Errorf("got secret %+v, want version %d, sealed", current, version)
	}
	opened, err := parts.Keyring.Open(current.Sealed, id, version)
	if err != nil || opened.Reveal() != want {
		t.Errorf("version %d does not open to the secret: %v", version, err)
	}
	if _, err := parts.Keyring.Open(current.Sealed, "ep_other", version); err == nil {
		t.Error("the sealed secret opens for another endpoint")
	}
	if signing := endpoint.SecretsAt(time.Now()); len(signing) != 1 || signing[0].Version != version {
		t.Errorf("%d secrets sign, want the current one alone", len(signing))
	}
	if seen := known(t, parts, id); seen.Secrets[0].Version != version {
		t.Errorf("this process signs with version %d, want %d", seen.Secrets[0].Version, version)
	}
}

func TestUpdateChangesWhatItNames(t *testing.T) {
	t.Parallel()
	parts := testkit.NewParts(t)
	first := spec()
	first.Headers, first.Description = map[string]string{"X-Key": "k"}, "before"
	endpoint := parts.Create(t, first)
	changed, warnings, err := parts.Endpoints.Update(t.Context(), endpoint.ID, postback.EndpointPatch{
		"url": "https://other.example.com:444/", "timeout": postback.Duration(time.Second), "event_types": []string{"conversion.completed"},
	})
	if err != nil || len(warnings) != 1 {
		t.Fatalf("update: %v, %v", warnings, err)
	}
	want := endpoint
	want.URL, want.Timeout, want.EventTypes = "https://other.example.com:444/", postback.Duration(time.Second), []string{"conversion.completed"}
	want.Revision, want.UpdatedAt = changed.Revision, changed.UpdatedAt
	if !reflect.DeepEqual(changed, want) {
		t.Errorf("got %+v\nwant %+v", changed, want)
	}
	if changed.Revision <= endpoint.Revision || changed.UpdatedAt.Before(endpoint.UpdatedAt) {
		t.Errorf("revision %d after %d", changed.Revision, endpoint.Revision)
	}
	if !reflect.DeepEqual(known(t, parts, endpoint.ID), changed) {
		t.Error("this process does not see the change")
	}
	changed, _, err = parts.Endpoints.Update(t.Context(), endpoint.ID, postback.EndpointPatch{
		"event_types": []string{}, "headers": map[string]string{}, "description": "", "retry": nil,
	})
	if err != nil || len(changed.EventTypes) != 0 || len(changed.Headers) != 0 || changed.Description != "" ||
		!reflect.DeepEqual(changed.Retry, besitosRetry()) {
		t.Errorf("emptied to %+v, %v", changed, err)
	}
}

func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	parts := testkit.NewParts(t)
	endpoint := parts.Create(t, spec())
	steps := []struct {
		do   func(context.Context, string) (postback.Endpoint, error)
		want postback.EndpointState
	}{
		{parts.Endpoints.Pause, postback.EndpointPaused},
		{parts.Endpoints.Pause, postback.EndpointPaused},
		{parts.Endpoints.Resume, postback.EndpointEnabled},
		{parts.Endpoints.Resume, postback.EndpointEnabled},
	}
	for _, step := range steps {
		changed, err := step.do(t.Context(), endpoint.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range []postback.Endpoint{changed, stored(t, parts, endpoint.ID), known(t, parts, endpoint.ID)} {
			if got.State != step.want {
				t.Errorf("got %s, want %s", got.State, step.want)
			}
		}
	}
}

func TestDeleteCancelsWhatWaits(t *testing.T) {
	t.Parallel()
	parts := testkit.NewParts(t)
	endpoint, other := parts.Create(t, spec()), parts.Create(t, spec())
	const waiting = 1100 // more than two steps of the ledger
	items := make([]postback.Acceptance, waiting)
	for i := range items {
		items[i] = storetest.Acceptance(storetest.Event("tx-"+strconv.Itoa(i)), endpoint.ID)
	}
	items[0].Deliveries[0].State, items[0].Deliveries[0].Reason = postback.Parked, postback.ReasonPaused
	items[0].Deliveries[0].NextAttemptAt, items[0].Deliveries[0].SweepAt = time.Time{}, time.Time{}
	items = append(items, storetest.Acceptance(storetest.Event("tx-other"), other.ID))
	if _, err := parts.Ledger.Accept(t.Context(), items); err != nil {
		t.Fatal(err)
	}
	done := items[1].Deliveries[0]
	if err := parts.Ledger.Record(t.Context(), storetest.Succeed(done.Ref())); err != nil {
		t.Fatal(err)
	}
	if err := parts.Endpoints.Delete(t.Context(), endpoint.ID); err != nil {
		t.Fatal(err)
	}
	for state, want := range map[postback.State]int{postback.Cancelled: waiting - 1, postback.Succeeded: 1, postback.Pending: 1} {
		count, err := parts.Ledger.CountDeliveries(t.Context(), postback.DeliveryFilter{States: []postback.State{state}})
		if err != nil || count != want {
			t.Errorf("%d deliveries are %s, %v, want %d", count, state, err, want)
		}
	}
	cancelled, _, err := parts.Ledger.Delivery(t.Context(), items[0].Deliveries[0].ID)
	if err != nil || cancelled.Reason != postback.ReasonEndpointDeleted || cancelled.CompletedAt.IsZero() {
		t.Errorf("got %+v, %v", cancelled, err)
	}
	if len(parts.Registry.Matching("pub_1", "conversion.completed")) != 1 {
		t.Error("this process still sends new events to the deleted endpoint")
	}
}

func TestADeletedEndpointIsGone(t *testing.T) {
	t.Parallel()
	parts := testkit.NewParts(t)
	endpoint := parts.Create(t, spec())
	if err := parts.Endpoints.Delete(t.Context(), endpoint.ID); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{endpoint.ID, "ep_unknown"} {
		_, _, updated := parts.Endpoints.Update(t.Context(), id, postback.EndpointPatch{"description": "a"})
		_, paused := parts.Endpoints.Pause(t.Context(), id)
		_, resumed := parts.Endpoints.Resume(t.Context(), id)
		_, secret, rotated := parts.Endpoints.RotateSecret(t.Context(), id, postback.Rotation{})
		deleted := parts.Endpoints.Delete(t.Context(), id)
		for i, err := range []error{updated, paused, resumed, rotated, deleted} {
			if postback.CodeOf(err) != postback.CodeNotFound {
				t.Errorf("call %d of %s: got %v, want not found", i, id, err)
			}
		}
		if !secret.Empty() {
			t.Error("a deleted endpoint got a secret")
		}
	}
	if now := stored(t, parts, endpoint.ID); now.State != postback.EndpointDeleted {
		t.Errorf("it is %s again", now.State)
	}
}

// Everyone changes something else at once; nobody's change may be lost.
func TestConcurrentChangesAllCount(t *testing.T) {
	t.Parallel()
	parts := testkit.NewParts(t)
	endpoint := parts.Create(t, spec())
	const rotations = 8
	changes := []func() error{
		func() error {
			return update(t, parts, endpoint.ID, postback.EndpointPatch{"description": "new"})
		},
		func() error {
			return update(t, parts, endpoint.ID, postback.EndpointPatch{"timeout": postback.Duration(time.Second)})
		},
		func() error {
			return update(t, parts, endpoint.ID, postback.EndpointPatch{"headers": map[string]string{"X-Key": "k"}})
		},
		func() error {
			return update(t, parts, endpoint.ID, postback.EndpointPatch{"event_types": []string{"conversion.*"}})
		},
		func() error { _, err := parts.Endpoints.Pause(t.Context(), endpoint.ID); return err },
	}
	for range rotations {
		changes = append(changes, func() error {
			_, _, err := parts.Endpoints.RotateSecret(t.Context(), endpoint.ID, postback.Rotation{})
			return err
		})
	}
	var group sync.WaitGroup
	for _, change := range changes {
		group.Go(func() {
			if err := change(); err != nil {
				t.Errorf("change: %v", err)
			}
		})
	}
	group.Wait()
	got := stored(t, parts, endpoint.ID)
	if got.Description != "new" || got.Timeout != postback.Duration(time.Second) || got.Headers["X-Key"] != "k" ||
		len(got.EventTypes) != 1 || got.State != postback.EndpointPaused || got.Secrets[0].Version != 1+rotations {
		t.Errorf("a change was lost: %+v", got)
	}
	if !reflect.DeepEqual(known(t, parts, endpoint.ID), got) {
		t.Error("this process sees something else than the ledger")
	}
}

func update(t *testing.T, parts *testkit.Parts, id string, patch postback.EndpointPatch) error {
	_, _, err := parts.Endpoints.Update(t.Context(), id, patch)
	return err
}

// failing is a ledger that is away.
type failing struct{ err error }

func (f failing) SaveEndpoint(context.Context, postback.Endpoint) (postback.Endpoint, error) {
	return postback.Endpoint{}, f.err
}

func (f failing) AddEndpoint(context.Context, postback.Endpoint, int) (postback.Endpoint, error) {
	return postback.Endpoint{}, f.err
}

func (f failing) Endpoint(context.Context, string) (postback.Endpoint, error) {
	return postback.Endpoint{}, f.err
}

func (f failing) Cancel(context.Context, string, postback.Reason, time.Time, int) (int, error) {
	return 0, f.err
}

func TestALedgerThatIsAwayIsNoFaultOfTheCaller(t *testing.T) {
	t.Parallel()
	away := errors.New("the disk is gone")
	parts := testkit.NewParts(t)
	manager := endpoints.New(endpoints.Options{
		Ledger: failing{away}, Registry: parts.Registry, Sealer: parts.Keyring, Reach: parts.Egress, Schemes: parts.Schemes, Past: parts.Ledger,
	})
	_, secret, _, created := manager.Create(t.Context(), spec())
	_, paused := manager.Pause(t.Context(), "ep_1")
	for _, err := range []error{created, paused, manager.Delete(t.Context(), "ep_1")} {
		if !errors.Is(err, away) || postback.CodeOf(err) != postback.CodeInternal {
			t.Errorf("got %v", err)
		}
	}
	if !secret.Empty() {
		t.Error("an endpoint that was not stored has a secret")
	}
}

func TestReceiversOfGenericSchemesChooseSuccess(t *testing.T) {
	t.Parallel()
	parts := testkit.NewParts(t)
	for _, scheme := range []string{"standard-webhooks", "github-style", "shopify-style", "stripe-style"} {
		wanted := spec()
		wanted.Scheme, wanted.SuccessStatuses = scheme, []int{200, 204}
		made, _, _, err := parts.Endpoints.Create(t.Context(), wanted)
		if err != nil || !slices.Equal(made.SuccessStatuses, wanted.SuccessStatuses) {
			t.Fatalf("%s: got %v, %v", scheme, made.SuccessStatuses, err)
		}
		changed, _, err := parts.Endpoints.Update(t.Context(), made.ID, postback.EndpointPatch{"success_statuses": []int{200}})
		if err != nil || changed.SuccessStatuses != nil || changed.IsSuccess(204) || !changed.IsSuccess(200) {
			t.Errorf("%s: got %v, %v", scheme, changed.SuccessStatuses, err)
		}
	}
}
