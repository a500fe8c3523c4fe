package api_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

const csvHeading = "id,event_id,event_type,publisher,endpoint_id,state,reason,attempts,last_status_code,last_error," +
	"next_attempt_at,created_at,completed_at,message_id,generation,test,reference\n"

// rows puts n deliveries in place.
func (b *bundle) rows(n int) {
	for i := range n {
		b.deliveries = append(b.deliveries, postback.Delivery{
			ID: fmt.Sprintf("dlv_%d", i), EventID: "=1+1", LastError: "-a,\"b\"\n", State: postback.Dead, CreatedAt: start,
			Publisher: []string{"pub_1", "@pub"}[i%2], Reference: fmt.Sprintf("-%d", i),
		})
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.rows(4201)
	stream, err := b.client(t, "viewer").ExportDeliveries(t.Context(), client.DeliveryFilter{}, "csv")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	text, err := io.ReadAll(stream)
	if err != nil {
		t.Fatal(err)
	}
	head := csvHeading +
		"dlv_0,'=1+1,,pub_1,,dead,,0,,\"'-a,\"\"b\"\"\n\",,2026-01-31T12:00:00.123Z,,0,0,false,'-0\n" +
		"dlv_1,'=1+1,,'@pub,"
	if !strings.HasPrefix(string(text), head) || strings.Count(string(text), "dlv_") != 4201 || b.pages != 3 {
		t.Errorf("%d rows in %d pages: %.300s", strings.Count(string(text), "dlv_"), b.pages, text)
	}
	lines := b.call(t, "publisher", "GET", "/v1/deliveries/export?format=jsonl", "")
	if strings.Count(lines.body, "\n") != 2101 || lines.header.Get("Content-Type") != "application/jsonl" ||
		lines.header.Get("Content-Disposition") != `attachment; filename="deliveries-20260131T120000Z.jsonl"` {
		t.Errorf("%d lines, %v", strings.Count(lines.body, "\n"), lines.header)
	}
	if lines.header.Get("Vary") != "Accept-Encoding" || lines.header.Get("X-Total-Count") != "" {
		t.Errorf("headers %v", lines.header)
	}
}

func TestExportOfAttempts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill()
	b.deliveries[0].Reference = "tx-1"
	text := b.call(t, "publisher", "GET", "/v1/deliveries/export?attempts=true", "")
	want := "delivery_id,event_id,event_type,publisher,endpoint_id,reference,generation,number,trigger,started_at,duration_ms,outcome," +
		"status_code,error_code,error_message,method,url,source_ip,trace_id\n" +
		"dlv_2,e1,conversion.completed,pub_1,ep_1,tx-1,1,1,example,2026-01-31T12:00:00.123Z,41,failed,503,status,the answer was 503," +
		"POST,https://example.com/cb?verifier=1,192.0.2.1,4bf92f3577b34da6a3ce929d0e0e4736\n" +
		"dlv_1,'=cmd(),conversion.completed,pub_1,ep_1,,1,1,example,2026-01-31T12:00:00.123Z,41,failed,503,status,the answer was 503," +
		"POST,https://example.com/cb?verifier=1,192.0.2.1,4bf92f3577b34da6a3ce929d0e0e4736\n"
	if text.body != want || text.header.Get("Content-Disposition") != `attachment; filename="attempts-20260131T120000Z.csv"` {
		t.Errorf("%v\ngot  %s\nwant %s", text.header, text.body, want)
	}
	lines := b.call(t, "publisher", "GET", "/v1/deliveries/export?attempts=true&format=jsonl&endpoint=ep_1", "")
	detail := b.call(t, "publisher", "GET", "/v1/deliveries/dlv_2", "")
	_, attempt, _ := strings.Cut(detail.body, `"attempts":[{`)
	first := `{"delivery_id":"dlv_2","event_id":"e1","event_type":"conversion.completed","publisher":"pub_1","endpoint_id":"ep_1","reference":"tx-1",` +
		strings.TrimSuffix(attempt, "]}\n") + "\n"
	if !strings.HasPrefix(lines.body, first) || strings.Count(lines.body, "\n") != 2 || strings.Contains(lines.body, "cr3dential") {
		t.Errorf("got  %s\nwant %s", lines.body, first)
	}
	if b.filter.EndpointID != "ep_1" || b.filter.Publisher != "pub_1" {
		t.Errorf("filter %+v", b.filter)
	}
}

func TestExportOfNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for path, want := range map[string]string{
		"":                                     csvHeading,
		"?format=jsonl":                        "",
		"?attempts=true&format=jsonl":          "",
		"?cursor=0":                            "",
		"?cursor=0&attempts=true":              "",
		"?cursor=0&format=jsonl":               "",
		"?attempts=false&count=false":          csvHeading,
		"?attempts=true&format=csv":            strings.Split(attemptsHeading(t, b), "\n")[0] + "\n",
		"?state=dead,parked&type=conversion.*": csvHeading,
	} {
		for _, coding := range []string{"identity", "gzip"} {
			got := b.call(t, "viewer", "GET", "/v1/deliveries/export"+path, "", "Accept-Encoding", coding)
			if text := unzipped(t, got); got.status != 200 || text != want {
				t.Errorf("%s %s: %d %q", path, coding, got.status, text)
			}
		}
	}
}

func attemptsHeading(t *testing.T, b *bundle) string {
	t.Helper()
	heading := b.call(t, "viewer", "GET", "/v1/deliveries/export?attempts=true", "").body
	if !strings.HasPrefix(heading, "delivery_id,") {
		t.Fatalf("heading %q", heading)
	}
	return heading
}

// unzipped is the body of an answer, in the form that its header names.
func unzipped(t *testing.T, got reply) string {
	t.Helper()
	if got.header.Get("Content-Encoding") == "" {
		return got.body
	}
	zipped, err := gzip.NewReader(strings.NewReader(got.body))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(zipped)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What is behind a cursor is appended to what came before it, as it is.
func TestExportGoesOn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.rows(4100)
	b.attempts = []postback.Attempt{sampleAttempt(), sampleAttempt()}
	for _, query := range []string{"?format=csv", "?format=jsonl", "?format=csv&attempts=true", "?format=jsonl&attempts=true"} {
		whole := b.call(t, "viewer", "GET", "/v1/deliveries/export"+query, "")
		rest := b.call(t, "viewer", "GET", "/v1/deliveries/export"+query+"&cursor=1700", "")
		if len(rest.body) == 0 || !strings.HasSuffix(whole.body, rest.body) || !strings.Contains(rest.body[:50], "dlv_1700") {
			t.Errorf("%s: %.100s", query, rest.body)
		}
	}
	if got := b.call(t, "viewer", "GET", "/v1/deliveries/export?cursor=dlv_0", ""); got.status != 422 || got.problem(t).Field != "cursor" {
		t.Errorf("bad cursor: %d %s", got.status, got.body)
	}
}

func TestExportCounts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.rows(7)
	export, err := b.client(t, "viewer").Export(t.Context(), client.DeliveryFilter{}, client.ExportRequest{Format: "csv", Count: true, Attempts: true, Cursor: "5"})
	if err != nil {
		t.Fatal(err)
	}
	defer export.Close()
	if _, err := io.Copy(io.Discard, export); err != nil || export.Total != 7 {
		t.Errorf("total %d, %v", export.Total, err)
	}
	if export, err = b.client(t, "viewer").Export(t.Context(), client.DeliveryFilter{}, client.ExportRequest{Format: "csv"}); err != nil || export.Total != -1 {
		t.Errorf("nobody counted: %+v, %v", export, err)
	}
	defer export.Close()
	b.down = fmt.Errorf("the ledger went away")
	if got := b.call(t, "viewer", "GET", "/v1/deliveries/export?count=true", ""); got.status != 503 {
		t.Errorf("down: %d", got.status)
	}
}

func TestExportIsCompressedForThoseWhoAsk(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.rows(2500)
	plain := b.call(t, "viewer", "GET", "/v1/deliveries/export", "", "Accept-Encoding", "identity")
	for accepted, want := range map[string]bool{
		"gzip": true, "GZIP": true, "x-gzip": true, "*": true, "br, gzip;q=0.1": true, "gzip ; Q=1": true, "deflate,gzip": true,
		"gzip;q=0": false, "gzip; q=0.000": false, "gzip;q=0, *": false, "identity": false, "br": false, "*;q=0": false, "gzip;q=x": false, "gzipped": false,
	} {
		got := b.call(t, "viewer", "GET", "/v1/deliveries/export", "", "Accept-Encoding", accepted)
		zipped := got.header.Get("Content-Encoding") == "gzip"
		if zipped != want || got.header.Get("Vary") != "Accept-Encoding" || unzipped(t, got) != plain.body {
			t.Errorf("%s: %v", accepted, got.header)
		}
		if zipped && len(got.body) > len(plain.body)/5 {
			t.Errorf("%d bytes of %d", len(got.body), len(plain.body))
		}
	}
}

// A stream that breaks off is an error to whoever reads it, in each form.
func TestExportBreaksVisibly(t *testing.T) {
	t.Parallel()
	for _, how := range []client.ExportRequest{
		{Format: "csv"},
		{Format: "jsonl"},
		{Format: "csv", Compress: true},
		{Format: "jsonl", Attempts: true},
	} {
		t.Run(fmt.Sprintf("%+v", how), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.rows(6000)
			b.attempts = []postback.Attempt{sampleAttempt()}
			b.brokenAt = "4000"
			stream, err := b.client(t, "viewer").Export(t.Context(), client.DeliveryFilter{}, how)
			if err != nil {
				t.Fatal(err)
			}
			defer stream.Close()
			if text, err := io.ReadAll(stream); err == nil || strings.Count(string(text), "dlv_") > 4000 || len(text) == 0 {
				t.Errorf("%d bytes, %v", len(text), err)
			}
		})
	}
}

// The bytes of a broken gzip stream have no end, whatever carries them.
func TestBrokenGzipHasNoEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.rows(6000)
	b.brokenAt = "4000"
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+"/v1/deliveries/export", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+keyPrefix+"viewer")
	request.Header.Set("Accept-Encoding", "gzip")
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	bytes, err := io.ReadAll(response.Body)
	if err == nil {
		t.Error("the connection was not cut")
	}
	zipped, err := gzip.NewReader(strings.NewReader(string(bytes)))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(zipped); err == nil || strings.Count(string(text), "\ndlv_") == 0 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}

// A server that goes down in the middle does not end the stream as if that
// were all.
func TestExportOfAServerThatStops(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancelCause(t.Context())
	b := streamed(t, &endless{rows: 1 << 30}, ctx)
	stream, err := b.client(t, "viewer").Export(t.Context(), client.DeliveryFilter{}, client.ExportRequest{Format: "csv"})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	lines := bufio.NewScanner(stream)
	for range 10_000 {
		lines.Scan()
	}
	stop(fmt.Errorf("the server stops"))
	for lines.Scan() {
	}
	if lines.Err() == nil {
		t.Error("the stream ended as if it were whole")
	}
}

func TestExportedCellsAreHarmless(t *testing.T) {
	t.Parallel()
	b := setup(t)
	risky := []string{
		"=1+1", "+1", "-5", "-5.5", "@SUM(A1)", "\t=1", "\tx", "\r", "\rx", "\n=1", "\nx", " =1", "  -1", "\u00a0=1", "\u3000+1", "\ufeff=1", "\u200b@x", "\x00=1",
		"＝1+1", "＋1", "－1", "＠x", " ＝1", "﹦1", "﹢1", "﹣1", "﹫x", "=\"a\",\"b\"", "=1,2", "-", "=",
	}
	harmless := []string{
		"", "a", "5", "5-5", "a=1", "'=1", "\"=1", "x@example.com", "https://example.com/?a=b", "1+1", " ", "  x", "\u200b", "a\n=1", "a,b", "é", "\xff=", "a\"b",
	}
	var want []string
	for _, text := range append(risky, harmless...) {
		b.deliveries = append(b.deliveries, postback.Delivery{ID: "dlv_1", EventID: text, Publisher: "pub", Reference: text, CreatedAt: start})
		if len(want) < len(risky) {
			text = "'" + text
		}
		want = append(want, text)
	}
	got, err := csv.NewReader(strings.NewReader(b.call(t, "viewer", "GET", "/v1/deliveries/export", "").body)).ReadAll()
	if err != nil || len(got) != len(want)+1 {
		t.Fatalf("%d rows, %v", len(got), err)
	}
	for i, cell := range want {
		row := got[i+1]
		if cell = strings.ReplaceAll(cell, "\r\n", "\n"); row[1] != cell || row[16] != cell {
			t.Errorf("got %q and %q, want %q", row[1], row[16], cell)
		}
	}
}
