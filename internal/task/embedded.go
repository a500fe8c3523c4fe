package task

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// embeddedConnections bounds the commands under way at once. They are not put
// into pipelines: a connection within the process has no buffer, so a server
// that answers the first command of a long pipeline while the client still
// writes the last would wait for it for ever.
const embeddedConnections = 64

// OpenEmbedded starts a Redis inside this process. It listens nowhere and
// keeps nothing: after a restart the queue is made again from the ledger.
func OpenEmbedded() *Queue {
	server := miniredis.NewMiniRedis()
	client := redis.NewClient(&redis.Options{
		Dialer:     func(context.Context, string, string) (net.Conn, error) { return server.Dial() },
		MaxRetries: -1,
		PoolSize:   embeddedConnections,
	})
	client.AddHook(&scripts{server: server})
	stop := keepTime(server)
	return newQueue(client, topology{shards: 1, servers: 1}, newNudges(nil, ""), func() error {
		err := client.Close()
		stop()
		server.Close()
		return err //nolint:wrapcheck // Close says what it closes
	})
}

// keepTime lets keys expire: the embedded Redis has no clock for that of its
// own. The returned function ends it and waits.
func keepTime(server *miniredis.Miniredis) (stop func()) {
	ticker := time.NewTicker(time.Second)
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		last := time.Now()
		for {
			select {
			case <-done:
				return
			case now := <-ticker.C:
				server.FastForward(now.Sub(last))
				last = now
			}
		}
	})
	return func() {
		ticker.Stop()
		close(done)
		group.Wait()
	}
}
