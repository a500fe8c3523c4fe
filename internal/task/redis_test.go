package task_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

const password = "s3cret-pa55word"

func TestOpenRefusesARedisThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	redis := testkit.StartRedis(t)
	redis.Stop()
	message := expectUnusable(t, "redis://user:"+password+"@"+redis.Addr+"/0")
	for _, want := range []string{redis.Addr, "connection refused"} {
		if !strings.Contains(message, want) {
			t.Errorf("the message does not say %q: %s", want, message)
		}
	}
}

func TestOpenRefusesAWrongPassword(t *testing.T) {
	t.Parallel()
	redis := testkit.StartRedis(t, "--requirepass", "another")
	for _, user := range []string{":" + password + "@", "user:" + password + "@", ""} {
		expectUnusable(t, "redis://"+user+redis.Addr+"/0")
	}
}

func TestOpenRefusesAnOldRedis(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"5.0.0", "6.0.16", "6.1.9", ""} {
		addr := fakeRedis(t, version)
		message := expectUnusable(t, "redis://user:"+password+"@"+addr+"/0")
		if !strings.Contains(message, "6.2") || !strings.Contains(message, version) {
			t.Errorf("the message does not say which versions: %s", message)
		}
	}
	for _, version := range []string{"6.2.0", "7.0.15", "10.0.0"} {
		queue, err := task.Open(t.Context(), "redis://"+fakeRedis(t, version)+"/0")
		closing(t, queue, err)
	}
}

// expectUnusable checks that the URL is refused without a word of its password.
func expectUnusable(t *testing.T, url string) string {
	t.Helper()
	queue, err := task.Open(t.Context(), url)
	var refused *postback.Error
	if queue != nil || !errors.As(err, &refused) {
		t.Fatalf("%s: got %v, want a *postback.Error", url, err)
	}
	if refused.Code != task.CodeRedis || refused.Field != "redis" {
		t.Errorf("%s: got code %q, field %q", url, refused.Code, refused.Field)
	}
	if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, refused), password) {
		t.Errorf("the error shows the password: %v", err)
	}
	return refused.Message
}

// fakeRedis answers INFO with a version and refuses every other command, as a
// Redis does that does not know them.
func fakeRedis(t *testing.T, version string) string {
	t.Helper()
	return fakeServer(t, func(_ string, words []string) string {
		switch strings.ToLower(words[0]) {
		case "auth":
			return "+OK\r\n"
		case "info":
			return bulk("# Server\r\nredis_version:" + version + "\r\n")
		default:
			return "-ERR unknown command\r\n"
		}
	})
}

// fakeCluster is a Cluster of one node that breaks off instead of answering a
// script.
func fakeCluster(t *testing.T, script func(words []string)) string {
	t.Helper()
	return fakeServer(t, func(addr string, words []string) string {
		switch command := strings.ToLower(words[0]); {
		case command == "info":
			return bulk("redis_version:7.0.0\r\nredis_mode:cluster\r\n")
		case command == "cluster" && strings.EqualFold(words[1], "slots"):
			host, port, _ := net.SplitHostPort(addr)
			return "*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n" + bulk(host) + ":" + port + "\r\n" + bulk("node")
		case command == "sadd":
			return ":1\r\n"
		case strings.HasPrefix(command, "eval"):
			script(words)
			return ""
		default:
			return "-ERR unknown command\r\n"
		}
	})
}

func bulk(text string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text) }

// fakeServer answers commands; an empty answer ends the connection.
func fakeServer(t *testing.T, answer func(addr string, words []string) string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(func() {
		stop()
		listener.Close()
		group.Wait()
	})
	group.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			context.AfterFunc(ctx, func() { conn.Close() })
			group.Go(func() {
				defer conn.Close()
				reader := bufio.NewReader(conn)
				for {
					words, err := readCommand(reader)
					if err != nil {
						return
					}
					text := answer(listener.Addr().String(), words)
					if _, err := io.WriteString(conn, text); text == "" || err != nil {
						return
					}
				}
			})
		}
	})
	return listener.Addr().String()
}

// readCommand reads an array of bulk strings, which is how clients write.
func readCommand(reader *bufio.Reader) ([]string, error) {
	number := func() (int, error) {
		line, err := reader.ReadString('\n')
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(strings.TrimSpace(line[1:]))
	}
	count, err := number()
	if err != nil {
		return nil, err
	}
	words := make([]string, count)
	for i := range words {
		length, err := number()
		if err != nil {
			return nil, err
		}
		word := make([]byte, length+len("\r\n"))
		if _, err := io.ReadFull(reader, word); err != nil {
			return nil, err
		}
		words[i] = string(word[:length])
	}
	return words, nil
}
