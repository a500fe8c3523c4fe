package api_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/waybillhq/waybill/postback"
)

// The fakes stand for the services that package api declares. down, when it is
// set, is what each of them answers.

var start = time.Date(2026, 1, 31, 12, 0, 0, 123_456_789, time.UTC)

const (
	madeSecret = "made-s3cret-value"
	keyPrefix  = "key-for-"
)

type fakes struct {
	mu         sync.Mutex
	down       error
	events     map[string]postback.Event
	endpoints  map[string]postback.Endpoint
	deliveries []postback.Delivery // newest first
	attempts   []postback.Attempt
	jobs       map[string]postback.ReplayJob
	keys       []postback.APIKey
	trace      string // of the last accepted events
	panics     bool
	// brokenAt makes the listing of deliveries fail at this cursor.
	brokenAt string
	pages    int
	spec     postback.EndpointSpec
	patch    postback.EndpointPatch
	rotation postback.Rotation
	filter   postback.DeliveryFilter
	page     postback.Page
	health   map[string]postback.Health
	changes  []change

	rematched []postback.EventFilter
}

// change is how a service that changes something was called.
type change struct {
	err     error // of its context
	bounded bool
}

// changing notes the context of a call that changes something.
func (f *fakes) changing(ctx context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, bounded := ctx.Deadline()
	f.changes = append(f.changes, change{ctx.Err(), bounded})
}

func newFakes() *fakes {
	return &fakes{
		events: map[string]postback.Event{}, endpoints: map[string]postback.Endpoint{}, jobs: map[string]postback.ReplayJob{}, health: map[string]postback.Health{},
	}
}

type fakeIntake struct{ *fakes }

func (f fakeIntake) Accept(ctx context.Context, events []postback.Event) ([]postback.Acceptance, error) {
	f.changing(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trace = trace.SpanContextFromContext(ctx).TraceID().String()
	if f.panics {
		panic("the intake broke")
	}
	if f.down != nil {
		return nil, f.down
	}
	var answers []postback.Acceptance
	for _, event := range events {
		if event.ID == "" {
			event.ID = fmt.Sprintf("evt_%d", len(f.events))
		}
		answer := postback.Acceptance{Event: event, Deliveries: []postback.Delivery{{ID: "dlv_1", EndpointID: "ep_1", State: postback.Pending}}}
		known, repeated := f.events[event.ID]
		switch {
		case event.Publisher == "pub_unsendable":
			answer = postback.Acceptance{Event: event, Err: postback.Invalid("data.user_id", "missing_field", "is required by the scheme")}
		case event.Publisher == "pub_uncarried":
			var problems postback.Problems
			for i := range postback.MaxProblems + 2 {
				problems.Add(fmt.Sprintf("ep_%d", i), event.ID, postback.Invalid("data.user_id", "missing_field", "is required by the scheme"))
			}
			answer = postback.Acceptance{Event: event, Err: problems.Refusal()}
		case repeated && !slices.Equal(known.Digest, event.Digest):
			answer.Err = postback.Failure(postback.CodeConflict, "this id has other content")
		default:
			answer.Duplicate = repeated
			event.AcceptedAt = start
			if event.Publisher == "pub_warned" {
				answer.Deliveries[0].State, answer.Deliveries[0].Reason = postback.Dead, postback.ReasonUnsendable
				answer.Warnings = []postback.Warning{{Code: postback.WarnUnsendable, Message: "it is a dead letter", EndpointID: "ep_1", Field: "data.a"}}
			}
			f.events[event.ID] = event
		}
		answers = append(answers, answer)
	}
	return answers, nil
}

type fakeHistory struct{ *fakes }

func (f fakeHistory) Event(_ context.Context, id string) (postback.Event, []postback.Delivery, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	event, ok := f.events[id]
	if !ok {
		return event, nil, postback.Failure(postback.CodeNotFound, "event not found")
	}
	return event, f.deliveries, nil
}

func (f fakeHistory) Events(_ context.Context, filter postback.EventFilter, page postback.Page) ([]postback.Event, string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.page = page
	var found []postback.Event
	for _, event := range f.events {
		if filter.Publisher == "" || filter.Publisher == event.Publisher {
			found = append(found, event)
		}
	}
	return found, "", nil
}

func (f fakeHistory) Delivery(_ context.Context, id string) (postback.Delivery, []postback.Attempt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, delivery := range f.deliveries {
		if delivery.ID == id {
			return delivery, f.attempts, nil
		}
	}
	return postback.Delivery{}, nil, postback.Failure(postback.CodeNotFound, "delivery not found")
}

func (f fakeHistory) Deliveries(_ context.Context, filter postback.DeliveryFilter, page postback.Page) ([]postback.Delivery, string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.filter, f.page = filter, page
	f.pages++
	if f.down != nil {
		return nil, "", f.down
	}
	if f.brokenAt != "" && page.Cursor == f.brokenAt {
		return nil, "", fmt.Errorf("the ledger went away")
	}
	var all []postback.Delivery
	for _, delivery := range f.deliveries {
		if filter.Publisher == "" || filter.Publisher == delivery.Publisher {
			all = append(all, delivery)
		}
	}
	from := 0
	if page.Cursor != "" {
		var err error
		if from, err = strconv.Atoi(page.Cursor); err != nil {
			return nil, "", postback.Invalid("cursor", postback.CodeInvalid, "is not a cursor of this listing")
		}
	}
	to := min(from+page.Limit, len(all))
	next := ""
	if to < len(all) {
		next = strconv.Itoa(to)
	}
	return all[from:to], next, nil
}

type fakeReplays struct{ *fakes }

func (f fakeReplays) ReplayDelivery(ctx context.Context, id string) (postback.Delivery, error) {
	f.changing(ctx)
	delivery, _, err := fakeHistory(f).Delivery(ctx, id)
	if err != nil {
		return delivery, err
	}
	if !delivery.State.Ended() {
		return delivery, postback.Failure(postback.CodeNotEnded, "the delivery is still under way")
	}
	delivery.State, delivery.Generation = postback.Pending, delivery.Generation+1
	return delivery, nil
}

func (f fakeReplays) StartReplay(ctx context.Context, filter postback.DeliveryFilter, rate float64, dryRun bool) (postback.ReplayJob, error) {
	f.changing(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	job := postback.ReplayJob{ID: fmt.Sprintf("rpl_%d", len(f.jobs)+1), Filter: filter, Rate: rate, DryRun: dryRun, State: postback.ReplayRunning, Matched: 7, Collected: true, Replayed: 2, Skipped: 1, Skips: postback.ReplaySkips{EndpointDeleted: 1}, CreatedAt: start}
	f.jobs[job.ID] = job
	return job, nil
}

// ReplayOutcomes takes longer than anybody waits for the job rpl_large.
func (f fakeReplays) ReplayOutcomes(ctx context.Context, id string) (postback.ReplayOutcomes, error) {
	if id == "rpl_large" {
		<-ctx.Done()
		return postback.ReplayOutcomes{}, fmt.Errorf("the ledger gave up: %w", ctx.Err())
	}
	return postback.ReplayOutcomes{Succeeded: 1, Dead: 1}, nil
}

func (f fakeReplays) Replay(_ context.Context, id string) (postback.ReplayJob, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	job, ok := f.jobs[id]
	if !ok {
		return job, postback.Failure(postback.CodeNotFound, "replay not found")
	}
	return job, nil
}

func (f fakeReplays) ReplayJobs(_ context.Context, filter postback.ReplayFilter, page postback.Page) ([]postback.ReplayJob, string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.page = page
	var found []postback.ReplayJob
	for _, job := range f.jobs {
		if filter.Publisher == "" || filter.Publisher == job.Filter.Publisher {
			found = append(found, job)
		}
	}
	return found, "more", nil
}

func (f fakeReplays) CancelReplay(ctx context.Context, id string) (postback.ReplayJob, error) {
	f.changing(ctx)
	job, err := f.Replay(ctx, id)
	job.State, job.EndedAt = postback.ReplayCancelled, start
	return job, err
}

type fakeExamples struct{ *fakes }

func (f fakeExamples) Example(ctx context.Context, endpointID, eventType string) (postback.Delivery, postback.Attempt, error) {
	f.changing(ctx)
	delivery := postback.Delivery{
		ID: "dlv_example", EndpointID: endpointID, EventType: eventType, State: postback.Succeeded, Test: true,
		Generation: 1, Attempts: 1, CreatedAt: start, CompletedAt: start,
	}
	return delivery, sampleAttempt(), nil
}

// Diagnose names the endpoint and the status that it was asked about.
func (fakeExamples) Diagnose(_ context.Context, endpointID string, attempt postback.Attempt) []postback.Finding {
	return []postback.Finding{{Code: "receiver_down", Message: fmt.Sprintf("%s answers %d <&>", endpointID, attempt.StatusCode)}}
}

func sampleAttempt() postback.Attempt {
	return postback.Attempt{
		Generation: 1, Number: 1, Trigger: postback.TriggerExample, StartedAt: start, Duration: 41_600 * time.Microsecond,
		Outcome: postback.OutcomeFailed, StatusCode: 503, Error: &postback.AttemptError{Code: "status", Message: "the answer was 503"},
		Request: postback.SentRequest{
			Method: "POST", URL: "https://example.com/cb?verifier=1", StringToSign: "https://example.com/cb",
			Headers: map[string]string{"X-Api-Key": "cr3dential", "Accept": "*/*"}, Body: []byte(`{"a":"<&>"}`),
		},
		Response: &postback.Response{Headers: map[string]string{"Server": "x"}, Body: []byte("\xff\x00"), Truncated: true},
		SourceIP: "192.0.2.1", TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", SecretVersion: 2, Notes: []string{"macro [%REF%] had no value"},
	}
}

type fakeKeys struct{ *fakes }

// Authenticate knows the keys "key-for-ROLE" and "key-for-publisher:PUBLISHER".
func (f fakeKeys) Authenticate(_ context.Context, key string, _ netip.Prefix) (postback.APIKey, error) {
	if f.down != nil {
		return postback.APIKey{}, f.down
	}
	switch key {
	case keyPrefix + "admin", keyPrefix + "producer", keyPrefix + "viewer":
		return postback.APIKey{ID: "key_" + key[len(keyPrefix):], Role: postback.Role(key[len(keyPrefix):])}, nil
	case keyPrefix + "publisher", keyPrefix + "other":
		publisher := map[string]string{"publisher": "pub_1", "other": "pub_2"}[key[len(keyPrefix):]]
		return postback.APIKey{ID: "key_p", Role: postback.RolePublisher, Publisher: publisher}, nil
	case keyPrefix + "nobody":
		return postback.APIKey{ID: "key_n", Role: postback.RolePublisher}, nil
	case keyPrefix + "guess":
		return postback.APIKey{}, postback.Failure(postback.CodeTooManyRequests, "too many failed logins from this address; try again in 5s")
	}
	return postback.APIKey{}, postback.Failure(postback.CodeUnauthorized, "this key is not known or was revoked")
}

func (f fakeKeys) Create(ctx context.Context, name string, role postback.Role, publisher string) (postback.APIKey, string, error) {
	f.changing(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	key := postback.APIKey{ID: fmt.Sprintf("key_%d", len(f.keys)+1), Name: name, Role: role, Publisher: publisher, Hash: []byte("h4sh"), CreatedAt: start}
	f.keys = append(f.keys, key)
	return key, "wb_the-key-itself", nil
}

func (f fakeKeys) List(context.Context) ([]postback.APIKey, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.keys, nil
}

func (f fakeKeys) Revoke(ctx context.Context, id string) error {
	f.changing(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.keys {
		if f.keys[i].ID == id {
			f.keys[i].RevokedAt = start
			return nil
		}
	}
	return postback.Failure(postback.CodeNotFound, "key not found")
}

type fakeSchemes struct{ *fakes }

func (f fakeSchemes) Create(ctx context.Context, declaration []byte) (postback.Scheme, error) {
	f.changing(ctx)
	if f.down != nil {
		return postback.Scheme{}, f.down
	}
	if string(declaration) == `{"name":"acme"}` {
		return postback.Scheme{Name: "acme", Methods: []string{"GET"}, Origin: postback.SchemeAPI}, nil
	}
	return postback.Scheme{}, postback.Invalid("parts[2].field", "declaration_invalid", "is required")
}

func (f fakeSchemes) List(context.Context) ([]postback.Scheme, error) {
	return []postback.Scheme{{Name: "besitos", Methods: []string{"GET"}, Origin: postback.SchemeBuiltIn}}, f.down
}

func (f fakeSchemes) Scheme(_ context.Context, name string) (postback.Scheme, error) {
	if name != "besitos" {
		return postback.Scheme{}, postback.Failure(postback.CodeNotFound, "scheme not found")
	}
	return postback.Scheme{Name: "besitos", Methods: []string{"GET"}, Origin: postback.SchemeBuiltIn}, f.down
}

func (f fakeSchemes) Delete(ctx context.Context, name string) error {
	f.changing(ctx)
	switch {
	case f.down != nil:
		return f.down
	case name == "besitos":
		return postback.Failure(postback.CodeConflict, "the scheme besitos is built in and cannot be deleted")
	case name != "acme":
		return postback.Failure(postback.CodeNotFound, "scheme not found")
	}
	return nil
}
