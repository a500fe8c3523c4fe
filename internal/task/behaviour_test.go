package task_test

import (
	"testing"

	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/internal/testkit"
)

// A queue behaves the same on every kind of Redis. The behaviours share the
// Redis of their kind, one after the other, each on an empty one.
func TestBehaviour(t *testing.T) {
	t.Parallel()
	kinds := map[string]func(t *testing.T) place{
		"embedded": func(*testing.T) place { return place{} },
		"redis": func(t *testing.T) place {
			t.Helper()
			redis := testkit.StartRedis(t)
			return place{redis.URL(), redis.Wipe}
		},
		"redis over TLS with a password": func(t *testing.T) place {
			t.Helper()
			redis := testkit.StartRedisTLS(t)
			return place{redis.URL(), redis.Wipe}
		},
		"sentinel": func(t *testing.T) place {
			t.Helper()
			redis := testkit.StartSentinel(t)
			return place{redis.URL(), redis.Wipe}
		},
		"cluster": func(t *testing.T) place {
			t.Helper()
			redis := testkit.StartCluster(t)
			return place{redis.URL(), redis.Wipe}
		},
	}
	for name, start := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := start(t)
			for name, behaviour := range behaviours() {
				t.Run(name, func(t *testing.T) { behaviour(t, at.queue(t)) })
			}
			if at.url == "" {
				return
			}
			for name, behaviour := range betweenProcesses() {
				t.Run(name, func(t *testing.T) { behaviour(t, at) })
			}
		})
	}
}

// place is where the queue of a behaviour is; the zero one is this process.
type place struct {
	url  string
	wipe func()
}

func (p place) queue(t *testing.T) *task.Queue {
	t.Helper()
	if p.url == "" {
		return closing(t, task.OpenEmbedded(), nil)
	}
	p.wipe()
	queue, err := task.Open(t.Context(), p.url)
	return closing(t, queue, err)
}

// betweenProcesses are the behaviours of queues that several processes share.
func betweenProcesses() map[string]func(*testing.T, place) {
	return map[string]func(*testing.T, place){
		"processes tell each other":              processesTellEachOther,
		"a message wakes enough servers":         aMessageWakesEnoughServers,
		"events of other producers are found":    eventsOfOthersAreFound,
		"what a process leaves, others are told": whatIsLeftIsTold,
	}
}

func behaviours() map[string]func(*testing.T, *task.Queue) {
	return map[string]func(*testing.T, *task.Queue){
		"the handler gets what was enqueued":                theHandlerGetsWhatWasEnqueued,
		"the same attempt is queued once":                   theSameAttemptIsQueuedOnce,
		"depth counts what waits":                           depthCountsWhatWaits,
		"epoch is kept":                                     epochIsKept,
		"takeover frees what a dead worker holds":           takeoverFreesWhatADeadWorkerHolds,
		"takeover leaves what waits":                        takeoverLeavesWhatWaits,
		"takeover frees what nobody will ever take":         takeoverFreesWhatNobodyWillEverTake,
		"what is queued again as its task ends is not lost": queuedAgainIsNotLost,
		"asynq never gives up":                              asynqNeverGivesUp,
		"retries do not hold up first attempts":             retriesDoNotHoldUpFirstAttempts,
		"first attempts do not hold up retries and events":  firstAttemptsDoNotHoldUpRetriesAndEvents,
		"events are handed over":                            eventsAreHandedOver,
		"what could not be decided comes again":             whatCouldNotBeDecidedComesAgain,
		"an unreadable task is dropped":                     anUnreadableTaskIsDropped,
		"a task of a later version asks the ledger":         aTaskOfALaterVersionAsksTheLedger,
		"shutdown waits for what is under way":              shutdownWaitsForWhatIsUnderWay,
		"shutdown waits for the longest attempt":            shutdownWaitsForTheLongestAttempt,
		"shutdown puts back what takes too long":            shutdownPutsBackWhatTakesTooLong,
		"one process at a time begins a rebuild":            oneProcessAtATimeBeginsARebuild,
		"many enqueue at once":                              manyEnqueueAtOnce,
		"a task is taken at once":                           aTaskIsTakenAtOnce,
	}
}
