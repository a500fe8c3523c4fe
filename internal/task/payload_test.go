package task_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/postback"
)

// Guarantee: a task of an earlier version is no lost one: the ledger is asked for it.
func TestATaskOfAnEarlierVersionAsksTheLedger(t *testing.T) {
	t.Parallel()
	got, err := task.Decode([]byte(`{"d":"dlv_1","g":2,"a":3,"e":"ep_1","v":{"i":"tx-1","t":"conversion.completed","d":{"a":1}}}`))
	want := task.Attempt{Ref: postback.Ref{DeliveryID: "dlv_1", Generation: 2, Attempt: 3}, EndpointID: "ep_1", Recheck: true}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// Guarantee: what a worker goes by is in the task, for it may not ask the ledger. What a
// delivery or an event may have besides must be named here.
func TestATaskCarriesWhatAWorkerGoesBy(t *testing.T) {
	t.Parallel()
	left := []string{
		"Reference", "Reason", "LastStatusCode", "LastError", "NextAttemptAt", "CompletedAt", "SweepAt", // of the delivery
		"Digest", "TraceParent", "Rejection", // of the event
	}
	sent := attempt("dlv_1", `{"a":1}`, 3, 1)
	sent.Due.Delivery.Test, sent.Due.Delivery.Probe, sent.Due.Event.Test = true, true, true
	got, err := task.Decode(task.Encode(sent))
	if err != nil {
		t.Fatal(err)
	}
	for want, carried := range map[reflect.Value]reflect.Value{
		reflect.ValueOf(sent.Due.Delivery): reflect.ValueOf(got.Due.Delivery),
		reflect.ValueOf(sent.Due.Event):    reflect.ValueOf(got.Due.Event),
	} {
		for i := range want.NumField() {
			switch name := want.Type().Field(i).Name; {
			case slices.Contains(left, name):
			case want.Field(i).IsZero():
				t.Errorf("%s of %s is not tried", name, want.Type())
			case !reflect.DeepEqual(want.Field(i).Interface(), carried.Field(i).Interface()):
				t.Errorf("%s of %s is %v, want %v", name, want.Type(), carried.Field(i), want.Field(i))
			}
		}
	}
}

func TestAPayloadThatIsCutIsRefused(t *testing.T) {
	t.Parallel()
	whole := first("dlv_1", `{"a":1}`)
	whole.Headers = nil
	payload := task.Encode(whole)
	if got, err := task.Decode(payload); err != nil || !reflect.DeepEqual(got, whole) {
		t.Errorf("got %+v, %v, want %+v", got, err, whole)
	}
	for size := range payload {
		if got, err := task.Decode(payload[:size]); err == nil {
			t.Errorf("%d of %d bytes were read as %+v", size, len(payload), got)
		}
	}
	if _, err := task.Decode(append(payload, 0)); err == nil {
		t.Error("a byte too many was read")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(task.Encode(first("dlv_1", `{"a":1}`)))
	f.Add([]byte(`{"d":"dlv_1","g":1,"a":1,"e":"ep_1"}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		got, err := task.Decode(payload)
		if err != nil || got.Due == nil {
			return
		}
		if again, err := task.Decode(task.Encode(got)); err != nil || len(got.Due.Event.Data) <= task.MaxInlineData && !reflect.DeepEqual(again, got) {
			t.Errorf("%+v was read again as %+v, %v", got, again, err)
		}
	})
}

func BenchmarkPayload(b *testing.B) {
	one := first("dlv_01a229c0540070008000000000000000", sized(400))
	for b.Loop() {
		if got, err := task.Decode(task.Encode(one)); err != nil || time.Since(got.Due.Delivery.OpenedAt) < 0 {
			b.Fatal(err)
		}
	}
}
