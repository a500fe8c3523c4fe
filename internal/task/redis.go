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

// oldest Redis that has the commands asynq uses.
const minMajor, minMinor = 6, 2

// Open connects to the Redis at a URL: redis:// for a single one,
// redis-sentinel:// for the master that Sentinels watch, redis-cluster:// for a
// Cluster, and rediss://, rediss-sentinel://, rediss-cluster:// over TLS.
// docs/operations.md has the forms. It fails when no Redis that can serve
// answers there, with an error that names neither user nor password.
func Open(ctx context.Context, url string) (*Queue, error) {
	where, err := parseAddress(url)
	if err != nil {
		return nil, err
	}
	conn, err := where.connect()
	if err != nil {
		return nil, err
	}
	if err := conn.checkUsable(ctx); err != nil {
		return nil, errors.Join(err, conn.client.Close())
	}
	pipe, err := conn.pipeline()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("set up Redis pipelining: %w", err), conn.client.Close())
	}
	queue := newQueue(pipe, where.topology(), newNudges(pipe, nudgeChannel(where.db)), func() error { return errors.Join(pipe.Close(), conn.client.Close()) })
	queue.servers, queue.describe = newLeases(pipe, time.Now), conn.describe
	return queue, nil
}

// checkUsable asks every master for what it is.
func (c connection) checkUsable(ctx context.Context) error {
	nodes, err := c.nodes(ctx)
	if err != nil {
		return c.unreachable(err)
	}
	if len(nodes) == 0 {
		return postback.Invalid("redis", CodeRedis, "the Cluster at %s has no master; make it whole with redis-cli --cluster fix", c.where())
	}
	for _, node := range nodes {
		if err := c.checkNode(node); err != nil {
			return err
		}
	}
	return nil
}

func (c connection) checkNode(node Node) error {
	major, minor := versionNumbers(node.Version)
	unusable := func(format string, args ...any) error { return postback.Invalid("redis", CodeRedis, format, args...) }
	switch {
	case major < minMajor || major == minMajor && minor < minMinor:
		return unusable("Redis at %s is version %s; Waybill needs %d.%d or newer", node.Address, node.Version, minMajor, minMinor)
	case c.kind != Cluster && node.mode == "cluster":
		return unusable("Redis at %s is a node of a Cluster; write redis-cluster://HOST1:6379,HOST2:6379", node.Address)
	case c.kind != Sentinel && node.mode == "sentinel":
		return unusable("at %s is a Sentinel; write redis-sentinel://HOST1:26379,HOST2:26379?master=NAME", node.Address)
	case c.kind == Standalone && node.role == "slave":
		return unusable("Redis at %s is a replica, which takes no tasks; name its master, or write redis-sentinel://", node.Address)
	default:
		return nil
	}
}

// unreachable says what to do about a Redis that does not answer.
func (c connection) unreachable(err error) error {
	text := plain(err)
	switch {
	case c.kind == Sentinel && strings.HasSuffix(text, redis.Nil.Error()):
		return postback.Invalid("redis", CodeRedis, "the Sentinels at %s know no master %s; correct its name in --redis",
			strings.Join(c.hosts, ", "), c.master)
	case strings.Contains(text, "cluster support disabled"):
		return postback.Invalid("redis", CodeRedis, "Redis at %s is not a Cluster; write redis:// in --redis", c.where())
	default:
		return postback.Invalid("redis", CodeRedis, "Redis at %s does not answer (%s); start it or correct --redis", c.where(), text)
	}
}

// plain is an error without the addresses and names that net adds.
func plain(err error) string {
	if operation, ok := errors.AsType[*net.OpError](err); ok {
		return operation.Err.Error()
	}
	return err.Error()
}

func versionNumbers(version string) (major, minor int) {
	parts := append(strings.SplitN(version, ".", 3), "", "")
	major, _ = strconv.Atoi(parts[0])
	minor, _ = strconv.Atoi(parts[1])
	return major, minor
}
