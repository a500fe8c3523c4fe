package commit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/waybillhq/waybill/store/commit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// disk takes groups of numbers, one after another.
type disk struct {
	mu     sync.Mutex
	groups [][]int
	held   chan struct{} // a group is written when it is closed
	refuse func(group []int) error
}

var (
	errFull = errors.New("no space")
	errRow  = errors.New("a bad row")
)

func (d *disk) write(_ context.Context, group []int) ([]string, error) {
	<-d.held
	d.mu.Lock()
	defer d.mu.Unlock()
	d.groups = append(d.groups, group)
	if err := d.refuse(group); err != nil {
		return nil, err
	}
	answers := make([]string, len(group))
	for i, number := range group {
		answers[i] = fmt.Sprint(number)
	}
	return answers, nil
}

func newDisk() *disk {
	return &disk{held: make(chan struct{}), refuse: func([]int) error { return nil }}
}

func start(ctx context.Context, d *disk) *commit.Committer[int, string] {
	return commit.Start(ctx, commit.Options[int, string]{
		Logger: slog.New(slog.DiscardHandler), Writers: 1, MaxSize: 10, Write: d.write,
		Single: func(err error) bool { return errors.Is(err, errRow) },
	})
}

// ask has numbers written by a caller each, and returns what each gets once all
// are. Between two of them everybody comes to rest: so they are queued in order.
func ask(ctx context.Context, c *commit.Committer[int, string], numbers ...int) func() []string {
	replies := make([]string, len(numbers))
	var callers sync.WaitGroup
	for i, number := range numbers {
		callers.Go(func() {
			answer, err := c.Do(ctx, number, 1)
			if replies[i] = answer; err != nil {
				replies[i] = err.Error()
			}
		})
		synctest.Wait()
	}
	return func() []string {
		callers.Wait()
		return replies
	}
}

func expect(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestWhatComesMeanwhileSharesAGroup(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		c := start(t.Context(), d)
		replies := ask(t.Context(), c, 1, 2, 3, 4)
		close(d.held)
		expect(t, "answers", replies(), []string{"1", "2", "3", "4"})
		expect(t, "groups", d.groups, [][]int{{1}, {2, 3, 4}})
		c.Stop()
	})
}

func TestAGroupIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		c := start(t.Context(), d)
		replies := ask(t.Context(), c, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13)
		close(d.held)
		replies()
		expect(t, "groups", d.groups, [][]int{{1}, {2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {12, 13}})
		c.Stop()
	})
}

// What one of a group holds costs only that one its answer; a failure of another
// kind is that of all, and nothing is tried again.
func TestAFailureIsTheCulpritsOrAllTheirs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err             error
		replies, groups any
	}{
		{errRow, "[1 2 a bad row 4]", "[[1] [2 3 4] [2] [3] [4]]"},
		{errFull, "[1 no space no space no space]", "[[1] [2 3 4]]"},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := newDisk()
			d.refuse = func(group []int) error {
				if slices.Contains(group, 3) {
					return tt.err
				}
				return nil
			}
			c := start(t.Context(), d)
			replies := ask(t.Context(), c, 1, 2, 3, 4)
			close(d.held)
			expect(t, "answers", replies(), tt.replies)
			expect(t, "groups", d.groups, tt.groups)
			c.Stop()
		})
	}
}

func TestAPanicIsItsGroupsError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		d.refuse = func(group []int) error {
			if group[0] == 1 {
				panic("out of range")
			}
			return nil
		}
		c := start(t.Context(), d)
		replies := ask(t.Context(), c, 1, 2)
		close(d.held)
		if answers := replies(); !strings.Contains(answers[0], "out of range") || answers[1] != "2" {
			t.Errorf("got %v", answers)
		}
		c.Stop()
	})
}

// Nothing is written for a caller that gave up, and a stop writes what is queued.
func TestWhoGaveUpIsLeftOutAndWhatIsQueuedIsWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		c := start(t.Context(), d)
		first := ask(t.Context(), c, 1)
		away, goAway := context.WithCancel(t.Context())
		gone := ask(away, c, 2)
		last := ask(t.Context(), c, 3)
		goAway()
		expect(t, "who gave up", gone(), "[wait for commit: context canceled]")
		go close(d.held)
		c.Stop()
		expect(t, "the first", first(), "[1]")
		expect(t, "the last", last(), "[3]")
		expect(t, "groups", d.groups, "[[1] [3]]")
		expect(t, "afterwards", ask(t.Context(), c, 4)(), "[ledger is closed]")
	})
}
