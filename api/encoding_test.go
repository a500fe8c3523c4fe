package api_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/postback"
)

func zipped(t *testing.T, text string) string {
	t.Helper()
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	if _, err := writer.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.String()
}

func TestBodiesMayBeGzip(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event := `{"id":"tx-%d","type":"conversion.completed","publisher":"pub_1","data":{"payout":1.50}}`
	one := zipped(t, fmt.Sprintf(event, 1))
	bomb := zipped(t, strings.Repeat(" ", postback.MaxEventBytes+1))
	tests := []struct {
		name, path, body, encoding string
		status                     int
		says                       string
	}{
		{"an event", "/v1/events", one, "gzip", http.StatusAccepted, "tx-1"},
		{"its old name", "/v1/events", one, "X-Gzip", http.StatusOK, "tx-1"},
		{"a batch", "/v1/events/batch", zipped(t, `{"events":[`+fmt.Sprintf(event, 2)+`]}`), "gzip", http.StatusOK, "tx-2"},
		{"a key", "/v1/keys", zipped(t, `{"role":"viewer"}`), "gzip", http.StatusCreated, "wb_"},
		{"as it is", "/v1/events", fmt.Sprintf(event, 3), "identity", http.StatusAccepted, "tx-3"},
		{"unpacked it is too large", "/v1/events", bomb, "gzip", http.StatusRequestEntityTooLarge, "262144"},
		{"it is not said", "/v1/events", one, "", http.StatusBadRequest, "Content-Encoding: gzip"},
		{"it is not so", "/v1/events", fmt.Sprintf(event, 4), "gzip", http.StatusBadRequest, "not gzip"},
		{"cut off", "/v1/events", one[:len(one)-12], "gzip", http.StatusBadRequest, "ends too early"},
		{"another encoding", "/v1/events", one, "br", http.StatusBadRequest, "use gzip"},
	}
	for _, test := range tests {
		headers := []string{"Content-Encoding", test.encoding}
		if test.encoding == "" {
			headers = nil
		}
		got := b.call(t, "admin", "POST", test.path, test.body, headers...)
		if got.status != test.status || !strings.Contains(got.body, test.says) {
			t.Errorf("%s: got %d %s, want %d and %q", test.name, got.status, got.body, test.status, test.says)
		}
	}
	if got := string(b.events["tx-1"].Data); got != `{"payout":1.50}` {
		t.Errorf("data became %s", got)
	}
}

// What is sent in the wrong form is answered with the form it should have.
func TestEventsInTheWrongFormAreToldTheRightOne(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event := `{"type":"conversion.completed","publisher":"pub_1","data":{}}`
	const ndjson, plain = "application/x-ndjson", "application/json"
	tests := []struct{ name, path, kind, body, says string }{
		{"lines as one event", "/v1/events", plain, event + "\n" + event, "/v1/events/batch with the Content-Type application/x-ndjson"},
		{"lines as a batch in JSON", "/v1/events/batch", plain, event + "\n" + event + "\n", "the Content-Type application/x-ndjson"},
		{"a batch as lines", "/v1/events/batch", ndjson, `{"events":[` + event + `]}`, "send it as application/json"},
		{"an event over several lines", "/v1/events/batch", ndjson, strings.ReplaceAll(event, ",", ",\n"), "send it as application/json"},
		{"several in one line", "/v1/events/batch", ndjson, event + event, "goes on behind its first JSON object, at line 1, column 62"},
		{"a broken line", "/v1/events/batch", ndjson, event + "\n" + `{"type":}`, "the line is not valid JSON at line 2, column 9 (byte 71)"},
	}
	for _, test := range tests {
		got := b.call(t, "producer", "POST", test.path, test.body, "Content-Type", test.kind)
		if !strings.Contains(got.body, test.says) {
			t.Errorf("%s: got %d %s, want %q", test.name, got.status, got.body, test.says)
		}
	}
}

// A body that stops on the way is no fault of what it says: it is to be sent again.
func TestABodyThatDoesNotArriveIsToBeSentAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	address, err := net.ResolveTCPAddr("tcp", strings.TrimPrefix(b.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.DialTCP("tcp", nil, address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, err = fmt.Fprintf(conn, "POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %sadmin\r\nContent-Length: 50\r\n\r\n"+`{"id":`, keyPrefix)
	if err == nil {
		err = conn.CloseWrite()
	}
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusRequestTimeout || !strings.Contains(string(body), `"code":"incomplete_body"`) ||
		!strings.Contains(string(body), "6 of 50 bytes") {
		t.Errorf("got %d %s, %v", answer.StatusCode, body, err)
	}
}
