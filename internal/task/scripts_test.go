package task_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/internal/testkit"
)

// The embedded Redis runs asynq's commonest scripts in Go: at each step of a
// task's life it must hold what a real one holds.
func TestEmbeddedHoldsWhatRedisHolds(t *testing.T) {
	t.Parallel()
	embedded := life(t, closing(t, task.OpenEmbedded(), nil))
	actual := life(t, open(t, testkit.StartRedis(t)))
	if len(embedded) != 4 {
		t.Fatalf("%d steps", len(embedded))
	}
	for step := range embedded {
		if embedded[step] != actual[step] {
			t.Errorf("step %d\nembedded:\n%s\nredis:\n%s", step, embedded[step], actual[step])
		}
	}
}

// life queues two tasks, one of them twice, works on both, and returns what the
// queue held after each step.
func life(t *testing.T, queue *task.Queue) []string {
	t.Helper()
	enqueue(t, queue, first("dlv_1", `{"a":1}`))
	enqueue(t, queue, first("dlv_2", `{"a":2}`))
	if queued, err := queue.Enqueue(t.Context(), first("dlv_1", `{"a":1}`)); queued || err != nil {
		t.Fatalf("a second time: queued %t, %v", queued, err)
	}
	steps := []string{content(t, queue)}

	entered, leave := make(chan string), make(chan struct{})
	servers := serve(t, queue, task.Handlers{Deliver: func(_ context.Context, one task.Attempt) error {
		entered <- one.Ref.DeliveryID
		<-leave
		return nil
	}}, few())
	got := []string{<-entered, <-entered}
	slices.Sort(got)
	if !slices.Equal(got, []string{"dlv_1", "dlv_2"}) {
		t.Fatalf("worked on %v", got)
	}
	steps = append(steps, content(t, queue))
	leave <- struct{}{}
	leave <- struct{}{}
	servers.Shutdown(0)
	steps = append(steps, content(t, queue))
	enqueue(t, queue, first("dlv_1", `{"a":1}`)) // its id is free again
	return append(steps, content(t, queue))
}

// content is all that the lane of first attempts holds, but for times.
func content(t *testing.T, queue *task.Queue) string {
	t.Helper()
	direct := queue.Redis()
	keys, err := direct.Keys(t.Context(), "asynq:{deliver-*").Result()
	if err != nil {
		t.Fatal(err)
	}
	lines := make([]string, 0, len(keys))
	for _, key := range keys {
		expires := direct.TTL(t.Context(), key).Val() > 0
		lines = append(lines, fmt.Sprintf("%s %s expires=%t", key, valueOf(t, direct, key), expires))
	}
	text := regexp.MustCompile(`deliver-\d`).ReplaceAllString(strings.Join(lines, "\n"), "deliver-N")
	text = regexp.MustCompile(`\d{4}-\d\d-\d\d`).ReplaceAllString(text, "DAY")
	sorted := strings.Split(text, "\n")
	slices.Sort(sorted)
	return strings.Join(sorted, "\n")
}

func valueOf(t *testing.T, direct redis.UniversalClient, key string) string {
	t.Helper()
	switch kind := direct.Type(t.Context(), key).Val(); kind {
	case "list":
		items := direct.LRange(t.Context(), key, 0, -1).Val()
		return fmt.Sprint(items)
	case "zset":
		return fmt.Sprint(direct.ZRangeByLex(t.Context(), key, &redis.ZRangeBy{Min: "-", Max: "+"}).Val())
	case "hash":
		fields := direct.HGetAll(t.Context(), key).Val()
		if fields["pending_since"] != "" {
			fields["pending_since"] = "TIME"
		}
		// The message names its queue, whose number differs.
		fields["msg"] = fmt.Sprint(len(fields["msg"]))
		return fmt.Sprint(fields) // in the order of the names
	case "string":
		return direct.Get(t.Context(), key).Val()
	default:
		return kind
	}
}

// A new version of asynq may have other scripts: then they are slow, and this
// test tells.
func TestEmbeddedRunsNoLuaForATask(t *testing.T) {
	t.Parallel()
	queue := closing(t, task.OpenEmbedded(), nil)
	watch := &spy{}
	client, ok := queue.Redis().(*redis.Client)
	if !ok {
		t.Fatalf("the client is a %T", queue.Redis())
	}
	client.AddHook(watch) // sees what the hook before it lets through
	handlers, got := collect()
	servers := serve(t, queue, handlers, few())
	enqueue(t, queue, first("dlv_1", `{"a":1}`))
	<-got
	servers.Shutdown(0)
	lua, all := watch.seen()
	if all == 0 {
		t.Fatal("no command was seen at all")
	}
	if len(lua) > 0 {
		t.Errorf("in Lua: %q; bring the scripts' names in scripts.go up to date", lua)
	}
}

// spy notes the scripts that take, add or end a task: no others name a single
// task, or the mark of a paused queue.
type spy struct {
	mu  sync.Mutex
	lua []string
	all int
}

func (s *spy) DialHook(next redis.DialHook) redis.DialHook { return next }

func (s *spy) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (s *spy) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		line := fmt.Sprint(cmd.Args()...)
		s.mu.Lock()
		s.all++
		if strings.HasPrefix(cmd.Name(), "eval") && (strings.Contains(line, ":t:dlv_") || strings.Contains(line, "}:paused")) {
			s.lua = append(s.lua, line)
		}
		s.mu.Unlock()
		return next(ctx, cmd)
	}
}

func (s *spy) seen() (lua []string, all int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.lua), s.all
}
