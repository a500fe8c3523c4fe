package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"golang.org/x/time/rate"

	"github.com/waybillhq/waybill/internal/loop"
)

// Handlers do the work of the tasks. An error means that nothing could be
// decided (the ledger is away): the task comes again after a pause. Every
// decided outcome, a failed attempt too, is nil.
type Handlers struct {
	Deliver func(ctx context.Context, task Attempt) error
	// Event accepts an event that a producer put into the queue.
	Event func(ctx context.Context, taskType string, payload []byte, headers map[string]string) error
}

// Options say how many tasks are worked on at once.
type Options struct {
	Deliver int // new first attempts under way at once
	Retry   int // other attempts under way at once
	Events  int // events being accepted at once
	// Drain is how long Shutdown waits for tasks under way.
	Drain  time.Duration
	Logger *slog.Logger
	// Now is the ledger's clock. Nil means time.Now.
	Now func() time.Time
}

// Servers take tasks off the queue.
type Servers struct {
	list     []*asynq.Server
	client   *patient
	queues   []string
	leave    func() // ends the listening for nudges, and waits
	drain    time.Duration
	inFlight *atomic.Int64 // tasks of deliveries
}

// Serve starts taking tasks. While Redis is away the servers wait for it.
func (q *Queue) Serve(handlers Handlers, options Options) (*Servers, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	mux := asynq.NewServeMux()
	servers := &Servers{client: newPatient(q.servers, q.nudges, q.pace), drain: options.Drain, inFlight: &atomic.Int64{}}
	mux.HandleFunc(typeDeliver, servers.counting(deliverHandler(handlers, options)))
	event := func(ctx context.Context, t *asynq.Task) error {
		return handlers.Event(ctx, t.Type(), t.Payload(), t.Headers())
	}
	mux.HandleFunc(TypeConversion, event)
	mux.HandleFunc(TypeExchange, event)

	configs := servers.configs(q, options)
	servers.leave = servers.listen(q.nudges, options.Logger)
	for _, config := range configs {
		server := asynq.NewServerFromRedisClient(servers.client, config)
		if err := server.Start(mux); err != nil {
			servers.Shutdown(0)
			return nil, fmt.Errorf("start queue server: %w", err)
		}
		servers.list = append(servers.list, server)
	}
	return servers, nil
}

// listen follows what other processes queue until the returned function is called,
// which waits.
func (s *Servers) listen(n *nudges, logger *slog.Logger) (leave func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	if n.redis != nil {
		group.Go(func() { n.listen(ctx) })
		for _, job := range []loop.Job{n.counting(logger), s.client.watching(logger)} {
			group.Go(func() { loop.Run(ctx, job) })
		}
	}
	return func() {
		cancel()
		group.Wait()
	}
}

// Shutdown stops taking tasks, waits for those in flight up to the drain time, or
// up to the given one where that is longer, and puts the rest back.
func (s *Servers) Shutdown(atLeast time.Duration) {
	s.client.stop()
	for _, server := range s.list {
		server.Stop()
	}
	s.leave()
	s.await(atLeast - s.drain)
	done := make(chan struct{})
	for _, server := range s.list {
		go func() {
			server.Shutdown()
			done <- struct{}{}
		}()
	}
	for range s.list {
		<-done
	}
	s.client.nudges.notify(s.queues...) // what was put back is for others
}

// await waits until no attempt is in flight, for no longer than its patience.
func (s *Servers) await(patience time.Duration) {
	const glance = 20 * time.Millisecond
	timer, ticker := time.NewTimer(max(patience, 0)), time.NewTicker(glance)
	defer timer.Stop()
	defer ticker.Stop()
	for s.inFlight.Load() > 0 {
		select {
		case <-timer.C:
			return
		case <-ticker.C:
		}
	}
}

// counting counts the tasks in flight.
func (s *Servers) counting(handle asynq.HandlerFunc) asynq.HandlerFunc {
	return func(ctx context.Context, t *asynq.Task) error {
		s.inFlight.Add(1)
		defer s.inFlight.Add(-1)
		return handle(ctx, t)
	}
}

// afterEmpty is how long asynq sleeps when a queue is empty: patient has waited already.
const afterEmpty = 100 * time.Microsecond

func (s *Servers) configs(q *Queue, options Options) []asynq.Config {
	var configs []asynq.Config
	log := newLogger(options.Logger)
	add := func(l lane, shard, servers, concurrency int) {
		queue := q.shard(l, shard)
		s.queues = append(s.queues, queue)
		s.client.attend(queue, l, servers)
		for range servers {
			configs = append(configs, asynq.Config{
				Queues:                   map[string]int{queue: 1},
				Concurrency:              max(1, concurrency/q.topology.shards/servers),
				TaskCheckInterval:        afterEmpty,
				DelayedTaskCheckInterval: time.Second,
				ShutdownTimeout:          options.Drain,
				RetryDelayFunc:           retryDelay,
				Logger:                   log,
				LogLevel:                 asynq.WarnLevel,
			})
		}
	}
	for shard := range q.topology.shards {
		add(laneDeliver, shard, q.topology.servers, options.Deliver)
		add(laneRetry, shard, 1, options.Retry)
		add(laneEvents, shard, 1, options.Events)
	}
	return configs
}

// retryDelay paces tasks that could not be decided. A task whose worker crashed comes
// again at once.
func retryDelay(failed int, err error, _ *asynq.Task) time.Duration {
	if errors.Is(err, asynq.ErrLeaseExpired) {
		return 0
	}
	return RetryDelay(failed)
}

func deliverHandler(handlers Handlers, options Options) asynq.HandlerFunc {
	return func(ctx context.Context, t *asynq.Task) error {
		retried, _ := asynq.GetRetryCount(ctx)
		task, err := received(t.Payload(), t.Headers(), retried, options.Now())
		if err != nil {
			id, _ := asynq.GetTaskID(ctx)
			task, err = named(id, t.Headers())
		}
		if err != nil {
			// The ledger still has the delivery; the sweeper makes a good task.
			options.Logger.ErrorContext(ctx, "unreadable task dropped", slog.Any("error", err))
			return nil
		}
		return handlers.Deliver(ctx, task)
	}
}

// fresh is for how long a task is believed without another look into the ledger.
const fresh = 5 * time.Second

// old reports whether a task may be one that Redis brought back: after a
// failover, or a restart from a file that is not the latest, tasks that were
// done wait again. Such an outage lasts seconds, in which a task gets old; one
// that waited as long in a full queue costs a look at the ledger.
func old(task Attempt, now time.Time) bool {
	return task.Due != nil && now.Sub(task.AskedAt) > fresh
}

// logger brings asynq's log lines to slog. The ledger recovers from what it warns
// of, and during an outage each of many servers repeats its errors: one line in a
// while is enough.
type logger struct {
	log    *slog.Logger
	errors *rate.Sometimes
}

func newLogger(log *slog.Logger) logger {
	return logger{log: log, errors: &rate.Sometimes{Interval: 5 * time.Second}}
}

// Debug logs for developers.
func (l logger) Debug(args ...any) { l.log.Debug("queue", slog.String("detail", fmt.Sprint(args...))) }

// Info logs what is of interest to developers only.
func (l logger) Info(args ...any) { l.Debug(args...) }

// Warn logs what the ledger recovers.
func (l logger) Warn(args ...any) { l.Debug(args...) }

// Error logs that Redis fails.
func (l logger) Error(args ...any) {
	l.errors.Do(func() { l.log.Warn("queue", slog.String("detail", fmt.Sprint(args...))) })
}

// Fatal does not end the process: the ledger keeps what the queue loses.
func (l logger) Fatal(args ...any) { l.Error(args...) }
