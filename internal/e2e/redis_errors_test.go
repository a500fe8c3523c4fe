package e2e_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/testkit"
)

// redisErrors are what a Redis, or what stands in front of it, refuses commands
// with.
func redisErrors() []string {
	return []string{
		"LOADING Redis is loading the dataset in memory", "MISCONF Redis is configured to save RDB snapshots, but it can't persist on disk",
		"READONLY You can't write against a read only replica.", "OOM command not allowed when used memory > 'maxmemory'.",
		"BUSY Redis is busy running a script.", "NOSCRIPT No matching script. Please use EVAL.", "NOAUTH Authentication required.",
		"NOPERM this user has no permissions to run the command", "CLUSTERDOWN The cluster is down", "TRYAGAIN Multiple keys request during rehashing of slot",
		"MASTERDOWN Link with MASTER is down", "NOREPLICAS Not enough good replicas to write.", "ERR max number of clients reached",
	}
}

// moodyRedis stands in front of a Redis. While it has an error, it answers every
// command with that instead of passing it on.
type moodyRedis struct {
	net.Listener
	behind  string
	err     atomic.Pointer[string]
	refused atomic.Int64
}

func newMoodyRedis(t *testing.T, behind string) *moodyRedis {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &moodyRedis{Listener: listener, behind: behind}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			accepted, err := listener.Accept()
			if err != nil {
				return
			}
			go m.serve(accepted)
		}
	}()
	return m
}

// serve passes one command after another on, and its reply back, until the
// connection becomes one on which the server speaks by itself.
func (m *moodyRedis) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", m.behind)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	commands, replies := bufio.NewReader(client), bufio.NewReader(server)
	for {
		command, err := readValue(commands)
		if err != nil {
			return
		}
		if text := m.err.Load(); text != nil {
			m.refused.Add(1)
			if _, err := fmt.Fprintf(client, "-%s\r\n", *text); err != nil {
				return
			}
			continue
		}
		if _, err := server.Write(command); err != nil {
			return
		}
		if bytes.Contains(bytes.ToLower(command[:min(len(command), 40)]), []byte("subscribe\r\n")) {
			go func() { _, _ = io.Copy(server, commands) }()
			_, _ = io.Copy(client, replies)
			return
		}
		reply, err := readValue(replies)
		if err != nil {
			return
		}
		if _, err := client.Write(reply); err != nil {
			return
		}
	}
}

// readValue reads one value of the Redis protocol (RESP2 and RESP3), as it is.
func readValue(from *bufio.Reader) ([]byte, error) {
	line, err := from.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	count, err := strconv.Atoi(string(bytes.TrimSpace(line[1:])))
	nested := 0
	switch line[0] {
	case '$', '=', '!':
		if err != nil || count < 0 {
			return line, err
		}
		text := make([]byte, count+2)
		_, err = io.ReadFull(from, text)
		return append(line, text...), err
	case '*', '~', '>':
		nested = count
	case '%':
		nested = 2 * count
	default:
		return line, nil
	}
	for range nested {
		value, err := readValue(from)
		if err != nil {
			return nil, err
		}
		line = append(line, value...)
	}
	return line, err
}

// Whatever a Redis refuses commands with, nothing is lost, nothing is sent twice,
// and it goes on when the Redis does.
func TestRedisThatRefusesCommandsLosesNothing(t *testing.T) {
	t.Parallel()
	const perError = 20
	queue := newMoodyRedis(t, testkit.StartRedis(t).Addr)
	r := newReceiver(t, "bitlabs")
	s := start(t, t.TempDir(), "--redis", "redis://"+queue.Addr().String()+"/0")
	register(t, s, r, second, second)
	var p producer
	p.server.Store(s)
	var transactions []string
	send := func() {
		for range perError {
			transactions = append(transactions, fmt.Sprintf("t%06d", len(transactions)))
			p.send(t.Context(), t, transactions[len(transactions)-1])
		}
	}
	for _, text := range redisErrors() {
		send()
		queue.refused.Store(0)
		queue.err.Store(&text)
		send()
		eventually(t, time.Minute, "commands to be refused with "+text, func() bool { return queue.refused.Load() >= 20 })
		queue.err.Store(nil)
		r.waitFor(t, len(transactions), soon)
	}
	checkAllDelivered(t, s, r, transactions, soon)
	if different, all := r.seen(); all != different {
		t.Errorf("%d requests for %d events", all, different)
	}
}
