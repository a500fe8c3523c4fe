package storetest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/waybillhq/waybill/postback"
)

// Noon is when the builders' rows begin, with the microseconds that a ledger
// keeps.
func Noon() time.Time { return time.Date(2026, 1, 31, 12, 0, 0, 123456000, time.UTC) }

// After is Noon and some time.
func After(d time.Duration) time.Time { return Noon().Add(d) }

// NewID makes the id of something that was made at a time, as the engine does
// ("dlv_019b9a..."): ids order by their time. Among those of the same time they
// order as they were made, which an order of commits and one of ids agree on.
func NewID(prefix string, at time.Time) string {
	id := uuid.Must(uuid.NewRandom())
	const version = 7 << 12
	fraction := at.Nanosecond() % int(time.Millisecond) * 4096 / int(time.Millisecond)
	binary.BigEndian.PutUint64(id[:], uint64(at.UnixMilli())<<16|version|uint64(fraction))
	made := uint64(time.Now().UnixNano())<<12 | uint64(id[15])<<4 | uint64(id[14]&0xf)
	binary.BigEndian.PutUint64(id[8:], 0b10<<62|made&(1<<62-1))
	return prefix + "_" + hex.EncodeToString(id[:])
}

// Event builds an event of publisher "pub_1" that every field of is set.
func Event(id string) postback.Event {
	data := json.RawMessage(fmt.Sprintf(`{"offer": %q, "payout": 1.50}`, id))
	digest := sha256.Sum256(data)
	return postback.Event{
		ID: id, Type: "conversion.completed", Publisher: "pub_1", Data: data,
		OccurredAt: After(-time.Minute), AcceptedAt: Noon(), Digest: digest[:],
		TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	}
}

// Delivery builds the pending delivery of an event for an endpoint: due at
// once, with no task in a queue.
func Delivery(event postback.Event, endpointID string) postback.Delivery {
	return postback.Delivery{
		ID: NewID("dlv", event.AcceptedAt), EventID: event.ID, EventType: event.Type, Publisher: event.Publisher, EndpointID: endpointID,
		Reference: event.ID, State: postback.Pending, Test: event.Test, Generation: 1, CreatedAt: event.AcceptedAt, OpenedAt: event.AcceptedAt,
		NextAttemptAt: event.AcceptedAt, SweepAt: event.AcceptedAt,
	}
}

// Acceptance builds what is accepted for an event that some endpoints want.
func Acceptance(event postback.Event, endpointIDs ...string) postback.Acceptance {
	item := postback.Acceptance{Event: event}
	for _, id := range endpointIDs {
		item.Deliveries = append(item.Deliveries, Delivery(event, id))
	}
	return item
}

// Endpoint builds a new endpoint of publisher "pub_1" with two secrets.
func Endpoint(id string) postback.Endpoint {
	return postback.Endpoint{
		ID: id, Publisher: "pub_1", Scheme: "waybill",
		State: postback.EndpointEnabled,
		Secrets: []postback.SealedSecret{
			{Version: 2, Sealed: []byte{2, 0, 255}, CreatedAt: Noon()},
			{Version: 1, Sealed: []byte{1, 0, 255}, CreatedAt: After(-time.Hour), ActiveFrom: After(-time.Minute), RetiredAt: Noon()},
		},
		CreatedAt: Noon(), UpdatedAt: Noon(),
		EndpointSettings: postback.EndpointSettings{
			URL: "https://receiver.example.com/postback?id={id}", Method: "POST",
			EventTypes:  []string{"conversion.*"},
			Retry:       postback.RetryPolicy{Schedule: []postback.Duration{postback.Duration(time.Second)}, MaxAge: postback.Duration(time.Hour), On: []string{"5xx", "timeout"}, StopOn: []int{403}},
			Timeout:     postback.Duration(5 * time.Second),
			Headers:     map[string]string{"X-Source": "waybill"},
			Expect:      &postback.Expect{JSONPath: "status", Equals: `"ok"`, Duplicate: postback.Texts{"DUP", "AGAIN"}},
			MaxInFlight: 4, RateLimit: &postback.RateLimit{PerSecond: 2.5, Burst: 10}, OrderBy: "tx", AllowEmpty: []string{"REASON", "REF"},
			Description: "the first one",
		},
	}
}

// OldEndpoint is the statement that writes Endpoint(id) as programs did to which
// each of its settings was a column. The time is as the ledger spells it.
func OldEndpoint(id string, revision int, at string) string {
	return fmt.Sprintf(`INSERT INTO endpoints (id, publisher, url, scheme, method, event_types, retry, timeout, headers, expect, max_in_flight,
		rate_limit, order_by, allow_empty, description, state, disabled_reason, revision, created_at, updated_at)
		VALUES ('%s', 'pub_1', 'https://receiver.example.com/postback?id={id}', 'waybill', 'POST', '["conversion.*"]',
		'{"schedule":["1s"],"max_age":"1h0m0s","on":["5xx","timeout"],"stop_on":[403]}', 5000000000, '{"X-Source":"waybill"}',
		'{"json_path":"status","equals":"ok","duplicate":["DUP","AGAIN"]}', 4, '{"per_second":2.5,"burst":10}', 'tx', '["REASON","REF"]',
		'the first one', 'enabled', '', %d, %[3]s, %[3]s)`, id, revision, at)
}

// Attempt builds an attempt that ref names, answered with a status code; 0 is
// a timeout.
func Attempt(ref postback.Ref, status int) *postback.Attempt {
	attempt := &postback.Attempt{
		DeliveryID: ref.DeliveryID, Generation: ref.Generation, Number: ref.Attempt, Trigger: postback.TriggerEvent,
		StartedAt: After(time.Duration(ref.Attempt) * time.Second), Duration: 1234567 * time.Nanosecond,
		Outcome: postback.OutcomeSucceeded, StatusCode: status,
		Request: postback.SentRequest{
			Method: "POST", URL: "https://receiver.example.com/postback?id=1", Headers: map[string]string{"X-Signature": "abc"},
			Body: []byte{'{', 0, 255, '}'}, StringToSign: "1.[secret]",
		},
		Response: &postback.Response{Headers: map[string]string{"Server": "example"}, Body: []byte{0, 254, '\n'}, Truncated: true},
		SourceIP: "192.0.2.7", TraceID: strings.Repeat("a1", 16), SecretVersion: 2, Notes: []string{"{sub} had no value"},
	}
	switch status {
	case 0:
		attempt.Outcome, attempt.Response = postback.OutcomeFailed, nil
		attempt.Error = &postback.AttemptError{Code: "timeout", Message: "no answer within 5s"}
	case 200:
	default:
		attempt.Outcome = postback.OutcomeFailed
		attempt.Error = &postback.AttemptError{Code: "status", Message: "the answer was not 200"}
	}
	return attempt
}

// Succeed builds the transition of a delivery whose attempt was answered 200.
func Succeed(ref postback.Ref) postback.Transition {
	return postback.Transition{Ref: ref, To: postback.Succeeded, Attempt: Attempt(ref, 200), At: After(time.Minute)}
}

// Retry builds the transition of a delivery whose attempt was answered 500 and
// that is tried again after an hour by a task that is in a queue.
func Retry(ref postback.Ref) postback.Transition {
	return postback.Transition{
		Ref: ref, To: postback.Retrying, Attempt: Attempt(ref, 500), At: After(time.Minute),
		NextAttemptAt: After(time.Hour), SweepAt: After(time.Hour + 5*time.Minute),
	}
}

// DeadLetter builds the transition of a delivery whose last attempt timed out.
func DeadLetter(ref postback.Ref) postback.Transition {
	return postback.Transition{
		Ref: ref, To: postback.Dead, Reason: postback.ReasonExhausted, Attempt: Attempt(ref, 0), At: After(time.Minute),
	}
}

// Park builds the transition of a delivery whose endpoint is paused.
func Park(ref postback.Ref) postback.Transition {
	return postback.Transition{Ref: ref, To: postback.Parked, Reason: postback.ReasonPaused, At: After(time.Minute)}
}

// Key builds an API key.
func Key(id string, role postback.Role) postback.APIKey {
	hash := sha256.Sum256([]byte(id))
	return postback.APIKey{ID: id, Name: "key " + id, Role: role, Hash: hash[:], CreatedAt: Noon()}
}
