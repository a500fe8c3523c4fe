package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// queue looks at the Redis that an engine uses.
type queue struct {
	client *redis.Client
	own    bool // nothing was in it before this run
}

// openQueue connects to a Redis. One that an engine is to be started on must be
// empty, since all of Waybill's keys in it are removed at the end.
func openQueue(ctx context.Context, url string, own bool) (*queue, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, errors.New("redis: write a URL such as redis://127.0.0.1:6379/0") // the parser's error may repeat a password
	}
	q := &queue{client: redis.NewClient(options), own: own}
	size, err := q.client.DBSize(ctx).Result()
	if err == nil && own && size > 0 {
		err = fmt.Errorf("it holds %d keys; give the run an empty database of its own", size)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("look at Redis: %w", err), q.client.Close())
	}
	return q, nil
}

// close removes what the engine of this run left in the Redis.
func (q *queue) close(ctx context.Context) error {
	var err error
	if q.own {
		for _, pattern := range []string{"asynq:*", "waybill:*"} {
			err = errors.Join(err, q.remove(ctx, pattern))
		}
	}
	if err := errors.Join(err, q.client.Close()); err != nil {
		return fmt.Errorf("clear up Redis: %w", err)
	}
	return nil
}

func (q *queue) remove(ctx context.Context, pattern string) error {
	keys := q.client.Scan(ctx, 0, pattern, 1000).Iterator()
	for keys.Next(ctx) {
		if err := q.client.Unlink(ctx, keys.Val()).Err(); err != nil {
			return fmt.Errorf("remove keys: %w", err)
		}
	}
	if err := keys.Err(); err != nil {
		return fmt.Errorf("list keys: %w", err)
	}
	return nil
}

// queueUsage is what a Redis has used since its start.
type queueUsage struct {
	cpu         time.Duration
	memory, rss int64 // bytes
	commands    int64
	persistence string
	version     string
}

func (q *queue) usage(ctx context.Context) (queueUsage, error) {
	info, err := q.client.Info(ctx).Result()
	if err != nil {
		return queueUsage{}, fmt.Errorf("ask Redis what it uses: %w", err)
	}
	return parseInfo(info), nil
}

// parseInfo reads the answer to INFO.
func parseInfo(info string) queueUsage {
	fields := map[string]string{}
	for line := range strings.Lines(info) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), ":"); found {
			fields[name] = value
		}
	}
	number := func(name string) float64 {
		value, err := strconv.ParseFloat(fields[name], 64)
		if err != nil {
			return 0
		}
		return value
	}
	used := queueUsage{
		cpu:    time.Duration((number("used_cpu_user") + number("used_cpu_sys")) * float64(time.Second)),
		memory: int64(number("used_memory")), rss: int64(number("used_memory_rss")),
		commands: int64(number("total_commands_processed")),
		version:  fields["redis_version"], persistence: "no append-only file",
	}
	if fields["aof_enabled"] == "1" {
		used.persistence = "append-only file"
	}
	return used
}
