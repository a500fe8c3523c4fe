package task

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/waybillhq/waybill/postback"
)

// CodeRedis says that the Redis that was named cannot serve as the queue.
const CodeRedis postback.Code = "redis_unusable"

const (
	// oldest Redis that has the commands asynq uses.
	minMajor, minMinor = 6, 2
	// outagePause keeps servers from spinning while Redis is away.
	outagePause = 100 * time.Millisecond
)

// Open connects to the Redis at a redis:// or rediss:// URL.
func Open(ctx context.Context, url string) (*Queue, error) {
	if !strings.HasPrefix(url, "redis://") && !strings.HasPrefix(url, "rediss://") {
		return nil, postback.Invalid("redis", CodeRedis, "write a URL such as redis://127.0.0.1:6379/0, or rediss:// for TLS")
	}
	options, err := redis.ParseURL(url)
	if err != nil {
		// The parser's error may repeat the URL and the password in it.
		return nil, postback.Invalid("redis", CodeRedis, "the URL is malformed; write redis://user:password@host:6379/0")
	}
	options.MaxRetries = -1 // a command that may have run must not run again unseen
	client := redis.NewClient(options)
	client.AddHook(outageHook{pause: outagePause})
	if err := checkVersion(ctx, client); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return pipelined(client, shape{shards: 4, servers: 2, poll: 25 * time.Millisecond}, client.Close)
}

// pipelined lets concurrent commands share round trips.
func pipelined(client *redis.Client, spread shape, closeAll func() error) (*Queue, error) {
	pipe, err := client.AutoPipelineWithOptions(&redis.AutoPipelineOptions{
		MaxBatchSize: 300, MaxConcurrentBatches: 4, Unordered: true,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("set up Redis pipelining: %w", err), closeAll())
	}
	return newQueue(pipe, spread, func() error { return errors.Join(pipe.Close(), closeAll()) }), nil
}

func checkVersion(ctx context.Context, client *redis.Client) error {
	info, err := client.Info(ctx, "server").Result()
	if err != nil {
		return postback.Invalid("redis", CodeRedis, "Redis at %s does not answer (%s); start it or correct --redis", client.Options().Addr, plain(err))
	}
	version := field(info, "redis_version")
	major, minor := versionNumbers(version)
	if major < minMajor || major == minMajor && minor < minMinor {
		return postback.Invalid("redis", CodeRedis, "Redis at %s is version %s; Waybill needs %d.%d or newer",
			client.Options().Addr, version, minMajor, minMinor)
	}
	return nil
}

// Server is what a Redis says of itself.
type Server struct {
	Version string
	AOF     bool // it writes every command to disk
	Evicts  bool // it may drop keys when its memory is full
}

// Describe asks the Redis for what an operator should know of it.
func (q *Queue) Describe(ctx context.Context) (Server, error) {
	info, err := q.redis.Info(ctx).Result()
	if err != nil {
		return Server{}, fmt.Errorf("ask Redis for its state: %w", err)
	}
	policy := field(info, "maxmemory_policy")
	return Server{
		Version: field(info, "redis_version"),
		AOF:     field(info, "aof_enabled") == "1",
		Evicts:  field(info, "maxmemory") != "0" && policy != "noeviction",
	}, nil
}

// plain is an error without the addresses and names that net adds.
func plain(err error) string {
	if operation, ok := errors.AsType[*net.OpError](err); ok {
		return operation.Err.Error()
	}
	return err.Error()
}

func field(info, name string) string {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			return value
		}
	}
	return ""
}

func versionNumbers(version string) (major, minor int) {
	parts := append(strings.SplitN(version, ".", 3), "", "")
	major, _ = strconv.Atoi(parts[0])
	minor, _ = strconv.Atoi(parts[1])
	return major, minor
}

// outageHook slows commands down while Redis is away or not ready, because
// asynq's servers ask again at once after an error.
type outageHook struct{ pause time.Duration }

// DialHook leaves dialing as it is.
func (outageHook) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook slows a single command.
func (h outageHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		h.wait(ctx, err)
		return err
	}
}

// ProcessPipelineHook slows a pipeline.
func (h outageHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		h.wait(ctx, err)
		return err
	}
}

func (h outageHook) wait(ctx context.Context, err error) {
	if !outage(err) {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(h.pause):
	}
}

// outage reports whether an error says that Redis is away, or is there but
// cannot serve yet.
func outage(err error) bool {
	if err == nil || errors.Is(err, redis.Nil) {
		return false
	}
	var reply redis.Error
	if !errors.As(err, &reply) {
		return true
	}
	for _, prefix := range []string{"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "OOM", "MISCONF", "TRYAGAIN"} {
		if strings.HasPrefix(reply.Error(), prefix) {
			return true
		}
	}
	return false
}
