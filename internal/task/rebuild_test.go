package task_test

import (
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/task"
)

func oneProcessAtATimeBeginsARebuild(t *testing.T, queue *task.Queue) {
	t.Helper()
	begin := func() (bool, time.Duration) {
		t.Helper()
		mine, ago, err := queue.BeginRebuild(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return mine, ago
	}
	if mine, _ := begin(); !mine {
		t.Fatal("the first may not begin")
	}
	began := time.Now()
	mine, ago := begin()
	if took := time.Since(began); mine || ago < 0 || ago > took+time.Second {
		t.Errorf("the second: %t, the first began %s ago, want up to %s", mine, ago, took)
	}
	if err := queue.Redis().Del(t.Context(), "waybill:rebuild").Err(); err != nil { // as a wipe does
		t.Fatal(err)
	}
	if mine, _ := begin(); !mine {
		t.Error("after a wipe nobody may begin")
	}
}
