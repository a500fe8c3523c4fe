package api_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

func TestEndpointLife(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.client(t, "admin")
	ctx := t.Context()
	made, err := c.CreateEndpoint(ctx, client.EndpointSpec{
		Publisher: "pub_1", Scheme: "besitos",
		EndpointSettings: postback.EndpointSettings{
			URL: "https://example.com/cb", EventTypes: []string{"conversion.*"},
			Retry:   postback.RetryPolicy{Schedule: []postback.Duration{postback.Duration(time.Second), postback.Duration(5 * time.Second)}, Jitter: 0.1},
			Timeout: postback.Duration(20 * time.Second), Headers: map[string]string{"X-Api-Key": "cr3dential", "X-Plain": "shown"}, Description: "main",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if made.Secret != madeSecret || len(made.Warnings) != 1 || made.Timeout != postback.Duration(20*time.Second) || made.Retry.Schedule[1] != postback.Duration(5*time.Second) ||
		made.Headers["X-Api-Key"] != "[masked]" || made.Headers["X-Plain"] != "shown" || made.SecretVersion != 1 {
		t.Errorf("made %+v", made)
	}
	if b.spec.Headers["X-Api-Key"] != "cr3dential" || b.spec.Retry.Jitter != 0.1 {
		t.Errorf("asked for %+v", b.spec)
	}
	shown := b.call(t, "viewer", "GET", "/v1/endpoints/"+made.ID, "")
	if strings.Contains(shown.body, madeSecret) || strings.Contains(shown.body, `"secret"`) || strings.Contains(shown.body, "cr3dential") {
		t.Errorf("shown: %s", shown.body)
	}
	if paused, err := c.PauseEndpoint(ctx, made.ID); err != nil || paused.State != postback.EndpointPaused {
		t.Errorf("paused: %+v, %v", paused, err)
	}
	if listed, err := c.ListEndpoints(ctx, client.EndpointFilter{State: postback.EndpointPaused}, client.PageRequest{Limit: 10}); err != nil || len(listed.Items) != 1 {
		t.Errorf("listed: %+v, %v", listed, err)
	}
	if resumed, err := c.ResumeEndpoint(ctx, made.ID); err != nil || resumed.State != postback.EndpointEnabled {
		t.Errorf("resumed: %+v, %v", resumed, err)
	}
	if enabled, err := c.EnableEndpoint(ctx, made.ID); err != nil || enabled.State != postback.EndpointEnabled {
		t.Errorf("enabled: %+v, %v", enabled, err)
	}
	if rotated, err := c.RotateSecret(ctx, made.ID, client.Rotation{}); err != nil || rotated.Secret != madeSecret || rotated.SecretVersion != 2 {
		t.Errorf("rotated: %+v, %v", rotated, err)
	}
	if rotated, err := c.RotateSecret(ctx, made.ID, client.Rotation{Secret: "chosen-one"}); err != nil || rotated.Secret != "chosen-one" {
		t.Errorf("rotated: %+v, %v", rotated, err)
	}
	wanted := postback.Rotation{Secret: postback.NewSecret("later"), At: start.Add(time.Hour), Overlap: time.Minute}
	if _, err := c.RotateSecret(ctx, made.ID, client.Rotation{
		Secret: "later", At: client.Time{Time: wanted.At}, Overlap: postback.Duration(wanted.Overlap),
	}); err != nil || !b.rotation.At.Equal(wanted.At.Truncate(time.Millisecond)) || b.rotation.Secret.Reveal() != "later" || b.rotation.Overlap != wanted.Overlap {
		t.Errorf("asked for %+v, %v", b.rotation, err)
	}
	if err := c.DeleteEndpoint(ctx, made.ID); err != nil {
		t.Error(err)
	}
	var problem *client.Problem
	if _, err := c.GetEndpoint(ctx, made.ID); !errors.As(err, &problem) || problem.Code != postback.CodeNotFound {
		t.Errorf("after deletion: %v", err)
	}
}

func TestPatchEndpoint(t *testing.T) {
	t.Parallel()
	text := "new"
	none := ""
	timeout := postback.Duration(time.Second)
	for name, test := range map[string]struct {
		patch postback.EndpointPatch
		want  string
	}{
		"nothing":     {postback.EndpointPatch{}, `{}`},
		"url":         {postback.EndpointPatch{"url": text}, `{"url":"new"}`},
		"description": {postback.EndpointPatch{"description": none}, `{"description":""}`},
		"headers":     {postback.EndpointPatch{"headers": map[string]string{}}, `{"headers":{}}`},
		"types":       {postback.EndpointPatch{"event_types": []string{"exchange.*"}}, `{"event_types":["exchange.*"]}`},
		"timeout":     {postback.EndpointPatch{"timeout": timeout}, `{"timeout":"1s"}`},
		"retry":       {postback.EndpointPatch{"retry": postback.RetryPolicy{MaxAttempts: 3, Initial: timeout}}, `{"retry":{"initial":"1s","max_attempts":3}}`},
		"retry null":  {postback.EndpointPatch{"retry": nil}, `{"retry":null}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.fill()
			if _, err := b.client(t, "admin").UpdateEndpoint(t.Context(), "ep_1", test.patch); err != nil {
				t.Fatal(err)
			}
			if got := given(t, b.patch); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestPatchNull(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill()
	got := b.call(t, "admin", "PATCH", "/v1/endpoints/ep_1", `{"description":null,"headers":null,"event_types":null}`)
	if got.status != 200 || given(t, b.patch) != `{"description":null,"event_types":null,"headers":null}` {
		t.Errorf("got %d %s: %s", got.status, got.body, given(t, b.patch))
	}
}

// given shows what a patch sets, sorted by name.
func given(t *testing.T, patch postback.EndpointPatch) string {
	t.Helper()
	text, err := json.Marshal(patch)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestExample(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill()
	example, err := b.client(t, "publisher").SendExample(t.Context(), "ep_1", "conversion.reversed")
	if err != nil {
		t.Fatal(err)
	}
	attempt := example.Attempt
	if !example.Delivery.Test || example.Delivery.EventType != "conversion.reversed" || attempt.DurationMS != 41 ||
		attempt.Request.StringToSign != "https://example.com/cb" || attempt.Request.Body != `{"a":"<&>"}` ||
		attempt.Request.Headers["X-Api-Key"] != "[masked]" || string(attempt.Response.BodyBase64) != "\xff\x00" || !attempt.Response.Truncated ||
		attempt.Error.Code != "status" || attempt.SourceIP != "192.0.2.1" || attempt.SecretVersion != 2 {
		t.Errorf("got %+v", example)
	}
	if want := []postback.Finding{{Code: "receiver_down", Message: "ep_1 answers 503 <&>"}}; !slices.Equal(example.Diagnosis, want) {
		t.Errorf("diagnosis %+v, want %+v", example.Diagnosis, want)
	}
	if bare := b.call(t, "admin", "POST", "/v1/endpoints/ep_1/example", ""); bare.status != 200 {
		t.Errorf("without a body: %d %s", bare.status, bare.body)
	}
}

// No delays are one attempt, in both directions; left out they are the scheme's.
func TestAnEmptyScheduleIsNoDefault(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for body, want := range map[string]string{`{"schedule":[]}`: `"schedule":[]`, `{"max_age":"1w"}`: `"max_age":"168h0m0s"`, `{"max_attempts":3,"jitter":0}`: `"retry":{"max_attempts":3}`} {
		answer := b.call(t, "admin", "POST", "/v1/endpoints", `{"publisher":"pub_1","url":"https://example.com/","scheme":"besitos","retry":`+body+`}`)
		if answer.status != 201 || !strings.Contains(answer.body, want) {
			t.Errorf("%s: got %d %s", body, answer.status, answer.body)
		}
	}
}

func TestDeliveries(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill()
	c := b.client(t, "viewer")
	page, err := c.ListDeliveries(t.Context(), client.DeliveryFilter{
		States: []postback.State{postback.Dead, postback.Retrying}, Endpoint: postback.Given("ep_1"), Event: postback.Given("e1"), Type: postback.Given("conversion.*"), Reference: postback.Given("tx 1/ä"), StatusCode: postback.Statuses{"500"},
		Since: postback.GivenTime(start), Until: postback.GivenTime(start.Add(time.Hour)),
	}, client.PageRequest{Limit: 1})
	if err != nil || len(page.Items) != 1 || page.NextCursor != "1" {
		t.Fatalf("got %+v, %v", page, err)
	}
	want := postback.DeliveryFilter{
		States: []postback.State{postback.Dead, postback.Retrying}, EndpointID: "ep_1", EventID: "e1", EventType: "conversion.*", Reference: "tx 1/ä", Statuses: postback.Statuses{"500"},
		Since: start, Until: start.Add(time.Hour),
	}
	if !slices.Equal(b.filter.States, want.States) || b.filter.Since != want.Since || b.filter.Until != want.Until || !slices.Equal(b.filter.Statuses, want.Statuses) {
		t.Errorf("filter %+v", b.filter)
	}
	next, err := c.ListDeliveries(t.Context(), client.DeliveryFilter{}, client.PageRequest{Cursor: page.NextCursor})
	if err != nil || len(next.Items) != 1 || next.Items[0].ID != "dlv_1" || next.NextCursor != "" || b.page.Limit != 50 {
		t.Errorf("got %+v, %v; %+v", next, err, b.page)
	}
	detail, err := c.GetDelivery(t.Context(), "dlv_1")
	if err != nil || len(detail.Attempts) != 1 || detail.Delivery.Attempts != 1 || detail.MessageID != "1" || detail.Reason != postback.ReasonExhausted {
		t.Errorf("got %+v, %v", detail, err)
	}
}

func TestDeliveryJSON(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill()
	got := b.call(t, "viewer", "GET", "/v1/deliveries?state=dead,%20retrying&state=parked&since=7d&limit=2", "")
	want := `{"items":[` +
		`{"id":"dlv_2","message_id":"2","event_id":"e1","event_type":"conversion.completed","publisher":"pub_1","endpoint_id":"ep_1","reference":"tx_2","state":"retrying","generation":1,"attempts":2,"last_status_code":500,"last_error":"status","next_attempt_at":"2026-01-31T12:01:00.123Z","created_at":"2026-01-31T12:00:00.123Z"},` +
		`{"id":"dlv_1","message_id":"1","event_id":"=cmd()","event_type":"conversion.completed","publisher":"pub_1","endpoint_id":"ep_1","state":"dead","reason":"attempts_exhausted","generation":2,"attempts":1,"created_at":"2026-01-31T12:00:00.123Z","completed_at":"2026-01-31T13:00:00.123Z"}]}` + "\n"
	if got.body != want {
		t.Errorf("got  %s\nwant %s", got.body, want)
	}
	if len(b.filter.States) != 3 || b.filter.Since != start.Add(-7*24*time.Hour) {
		t.Errorf("filter %+v", b.filter)
	}
}

func TestReplays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill()
	c := b.client(t, "admin")
	ctx := t.Context()
	if got, err := c.ReplayDelivery(ctx, "dlv_1"); err != nil || got.Generation != 3 || got.State != postback.Pending {
		t.Errorf("got %+v, %v", got, err)
	}
	var problem *client.Problem
	if _, err := c.ReplayDelivery(ctx, "dlv_2"); !errors.As(err, &problem) || problem.Status != 409 || problem.Code != postback.CodeNotEnded {
		t.Errorf("not ended: %v", err)
	}
	job, err := c.StartReplay(ctx, client.ReplayRequest{Filter: client.DeliveryFilter{Endpoint: postback.Given("ep_1"), Since: postback.GivenTime(start)}, Rate: 2.5, DryRun: true})
	if err != nil || job.Matched != 7 || !job.DryRun || job.Rate != 2.5 || !slices.Equal(job.Filter.States, []postback.State{postback.Dead}) || job.Filter.Endpoint.String() != "ep_1" {
		t.Errorf("got %+v, %v", job, err)
	}
	for _, dry := range []bool{false, true} {
		_, err := c.StartReplay(ctx, client.ReplayRequest{Filter: client.DeliveryFilter{Endpoint: postback.Given("ep_nope")}, DryRun: dry})
		if !errors.As(err, &problem) || problem.Status != 404 || problem.Code != postback.CodeNotFound || problem.Field != "filter.endpoint" || !strings.Contains(problem.Detail, "ep_nope") {
			t.Errorf("a replay to an endpoint that never was: %v", err)
		}
	}
	if got, err := c.GetReplay(ctx, "rpl_9"); err != nil || got.Outcomes == nil || *got.Outcomes != (postback.ReplayOutcomes{Succeeded: 1, Dead: 1}) {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := c.ReplayProgress(ctx, "rpl_9"); err != nil || got.Outcomes != nil {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := c.GetReplay(ctx, job.ID); err != nil || got.State != postback.ReplayRunning || got.Remaining != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
	job, err = c.StartReplay(ctx, client.ReplayRequest{Filter: client.DeliveryFilter{Reference: postback.Given("tx 1")}})
	if err != nil || !job.Collected || job.Matched != 7 || job.Replayed != 2 || job.Skipped != 1 || job.Skips.EndpointDeleted != 1 || job.Remaining != 4 || job.Filter.Reference.String() != "tx 1" {
		t.Errorf("got %+v, %v", job, err)
	}
	listed, err := c.ListReplays(ctx, "pub_1", client.PageRequest{Limit: 3, Cursor: "from"})
	if err != nil || len(listed.Items) != 1 || listed.Items[0].ID != "rpl_9" || listed.NextCursor != "more" || b.page != (postback.Page{Limit: 3, Cursor: "from"}) {
		t.Errorf("listed %+v, %v", listed, err)
	}
	if got, err := c.CancelReplay(ctx, job.ID); err != nil || got.State != postback.ReplayCancelled || got.EndedAt.IsZero() {
		t.Errorf("got %+v, %v", got, err)
	}
	if got := b.call(t, "admin", "POST", "/v1/replays", `{"filter":{"state":"succeeded","since":"24h"}}`); got.status != 202 || !strings.Contains(got.body, `"state":["succeeded"]`) {
		t.Errorf("one state: %d %s", got.status, got.body)
	}
}

func TestKeysAndEgress(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.client(t, "admin")
	ctx := t.Context()
	made, err := c.CreateKey(ctx, client.KeySpec{Name: "ci", Role: postback.RolePublisher, Publisher: "pub_1"})
	if err != nil || made.Token != "wb_the-key-itself" || made.Role != postback.RolePublisher {
		t.Fatalf("got %+v, %v", made, err)
	}
	if err := c.RevokeKey(ctx, made.ID); err != nil {
		t.Error(err)
	}
	if keys, err := c.ListKeys(ctx); err != nil || len(keys) != 1 || keys[0].RevokedAt.IsZero() {
		t.Errorf("got %+v, %v", keys, err)
	}
	if listed := b.call(t, "admin", "GET", "/v1/keys", ""); strings.Contains(listed.body, "h4sh") || strings.Contains(listed.body, "itself") {
		t.Errorf("listing shows %s", listed.body)
	}
	if addresses, err := c.Egress(ctx); err != nil || !slices.Equal(addresses, []string{"192.0.2.1"}) {
		t.Errorf("got %v, %v", addresses, err)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c, err := client.New(b.url, "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := errors.Join(c.Health(t.Context()), c.Ready(t.Context())); err != nil {
		t.Error(err)
	}
	if metrics := b.call(t, "viewer", "GET", "/metrics", ""); metrics.body != "up 1\n" {
		t.Errorf("metrics: %+v", metrics)
	}
	b.down = errors.New("no such host ledger.internal")
	var problem *client.Problem
	if err := c.Ready(t.Context()); !errors.As(err, &problem) || problem.Status != 503 || strings.Contains(err.Error(), "internal)") || strings.Contains(err.Error(), "ledger") {
		t.Errorf("not ready: %v", err)
	}
	if err := c.Health(t.Context()); err != nil {
		t.Error(err)
	}
}
