package cli_test

import (
	"io"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// flaky puts a proxy before the server, which cuts the first connections, as
// many as it is told, after so many bytes of an answer: flaky TIMES BYTES.
func flaky(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flaky TIMES BYTES")
	}
	times, err := strconv.Atoi(args[0])
	ts.Check(err)
	bytes, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	target := strings.TrimPrefix(ts.Getenv("WAYBILL_URL"), "http://")
	var serving sync.WaitGroup
	ts.Defer(func() {
		_ = listener.Close()
		serving.Wait()
	})
	serving.Go(func() {
		for ; ; times-- {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			most := int64(1 << 40)
			if times > 0 {
				most = bytes
			}
			serving.Go(func() { relay(conn, target, most) })
		}
	})
	ts.Setenv("WAYBILL_URL", "http://"+listener.Addr().String())
}

// relay passes a connection on until most bytes of the answer came.
func relay(conn net.Conn, target string, most int64) {
	defer conn.Close()
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	var asking sync.WaitGroup
	asking.Go(func() {
		_, _ = io.Copy(server, conn)
		_ = server.Close()
	})
	_, _ = io.CopyN(conn, server, most)
	_ = conn.Close()
	_ = server.Close()
	asking.Wait()
}
