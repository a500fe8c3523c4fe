package task

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// OpenEmbedded starts a Redis inside this process. It listens nowhere and
// keeps nothing: after a restart the queue is made again from the ledger.
func OpenEmbedded() (*Queue, error) {
	server := miniredis.NewMiniRedis()
	client := redis.NewClient(&redis.Options{
		Dialer:     func(context.Context, string, string) (net.Conn, error) { return server.Dial() },
		MaxRetries: -1,
	})
	stop := keepTime(server)
	return pipelined(client, 1, func() error {
		err := client.Close()
		stop()
		server.Close()
		return ignoreClosed(err)
	})
}

func ignoreClosed(err error) error {
	if errors.Is(err, redis.ErrClosed) {
		return nil
	}
	return err
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
