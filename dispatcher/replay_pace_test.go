package dispatcher_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/waybillhq/waybill/dispatcher"
	"github.com/waybillhq/waybill/postback"
)

// twin is another process over the same ledger, with the same clock.
func (b *bench) twin(t *testing.T, alter ...func(*dispatcher.Options)) *dispatcher.Dispatcher {
	t.Helper()
	options := b.options()
	for _, change := range alter {
		change(&options)
	}
	made, err := dispatcher.New(options)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// One process or three: in every tenth of a second goes a tenth of the rate, and
// nobody catches up in a burst what was missed.
func TestAReplayIsAnEvenStream(t *testing.T) {
	t.Parallel()
	for _, processes := range []int{1, 3} {
		t.Run(fmt.Sprint(processes), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.offer(t)
			b.dead(t, 200)
			team := []*dispatcher.Dispatcher{b.Dispatcher}
			for len(team) < processes {
				team = append(team, b.twin(t))
			}
			job := b.start(t, postback.DeliveryFilter{}, 50)
			last := 0
			turns := func(count int, least, most int) {
				for range count {
					for _, one := range team {
						if err := one.WorkOnReplays(t.Context()); err != nil {
							t.Fatal(err)
						}
						b.clock.advance(dispatcher.ReplayInterval / time.Duration(processes))
					}
					now := b.job(t, job.ID).Replayed
					if now-last < least || now-last > most {
						t.Errorf("%d went at once, want %d to %d", now-last, least, most)
					}
					last = now
				}
			}
			turns(1, 1, 4)
			turns(19, 4, 6)
			if want := 100; last < want-6 || last > want+6 {
				t.Errorf("%d are replayed after two seconds, want about %d", last, want)
			}
			b.clock.advance(time.Hour)
			turns(1, 1, 15)
			turns(10, 4, 6)
		})
	}
}

func TestASlowReplayBeginsAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.offer(t)
	b.dead(t, 3)
	job := b.start(t, postback.DeliveryFilter{}, 0.1)
	for i, want := range []int{1, 2, 3} {
		if got := b.turn(t, job.ID); got.Replayed != want {
			t.Errorf("after %d s %d are replayed, want %d", 10*i, got.Replayed, want)
		}
		if got := b.pass(t, job.ID, 9*time.Second); got.Replayed != want {
			t.Errorf("%d s later %d are replayed, want %d", 9, got.Replayed, want)
		}
		b.clock.advance(time.Second)
	}
}

func TestPaces(t *testing.T) {
	t.Parallel()
	start := time.Now()
	tests := []struct {
		name    string
		rate    float64
		handled int           // when the job was first seen
		after   time.Duration // the next look
		others  int           // handled meanwhile
		want    int
	}{
		{"begins with one", 10, 0, 0, 0, 1},
		{"one that runs already has none saved up", 10, 7, 0, 0, 0},
		{"what the time brought", 50, 7, 100 * time.Millisecond, 0, 5},
		{"less what others did", 50, 7, 100 * time.Millisecond, 3, 2},
		{"others went ahead", 50, 7, 100 * time.Millisecond, 30, 0},
		{"no burst after an hour", 50, 7, time.Hour, 0, 11},
		{"after an hour, behind another's burst", 50, 7, time.Hour, 10, 1},
		{"after an hour in which others worked", 50, 7, time.Hour, 50 * 3600, 0},
		{"slow, too early", 0.1, 7, 9900 * time.Millisecond, 0, 0},
		{"slow", 0.1, 7, 10 * time.Second, 0, 1},
		{"slow, after an hour", 0.1, 7, time.Hour, 0, 1},
		{"a clock that went back", 10, 7, -time.Hour, 0, 0},
		{"no limit", 0, 7, 0, 0, 1 << 30},
		{"hardly a limit", math.MaxFloat64, 7, time.Hour, 0, 1 << 30},
	}
	for _, tt := range tests {
		paces := dispatcher.Paces{}
		job := postback.ReplayJob{ID: "rpl_1", Rate: tt.rate, Replayed: tt.handled}
		paces.Allowed(job, start)
		job.Skipped = tt.others
		if got := paces.Allowed(job, start.Add(tt.after)); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
		}
		if paces.Keep(nil); len(paces) != 0 {
			t.Errorf("%s: the ended job is kept", tt.name)
		}
	}
}
