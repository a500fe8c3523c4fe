package api_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waybillhq/waybill/api"
	"github.com/waybillhq/waybill/postback"
)

// nasty draws texts that JSON and CSV have rules for, and any other.
func nasty() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.SampledFrom([]string{"", "plain", "<&>", "\u2028\u2029", "\xff\xfe", "a\x00b", "\x7f", "\b\f\n\r\t", `"\/`, "é", "𝄞", `\.`, " lead", "\u00a0x", "=1", ","}),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
	)
}

func someDelivery(t *rapid.T) postback.Delivery {
	text, number := nasty(), rapid.IntRange(-3, 1_000_000)
	moment := func(name string) time.Time {
		if rapid.Bool().Draw(t, name+" is zero") {
			return time.Time{}
		}
		seconds := rapid.Int64Range(-62135596800, 253402300799).Draw(t, name)
		return time.Unix(seconds, rapid.Int64Range(0, 999_999_999).Draw(t, name+" ns")).In(time.FixedZone("x", 3600))
	}
	return postback.Delivery{
		ID: text.Draw(t, "id"), EventID: text.Draw(t, "event"), EventType: text.Draw(t, "type"), Publisher: text.Draw(t, "publisher"),
		EndpointID: text.Draw(t, "endpoint"), Reference: text.Draw(t, "reference"), State: postback.State(text.Draw(t, "state")),
		Reason: postback.Reason(text.Draw(t, "reason")), Test: rapid.Bool().Draw(t, "test"), Generation: number.Draw(t, "generation"),
		Attempts: number.Draw(t, "attempts"), LastStatusCode: number.Draw(t, "status"), LastError: text.Draw(t, "error"),
		CreatedAt: moment("created"), NextAttemptAt: moment("next"), CompletedAt: moment("completed"),
	}
}

func get(handler http.Handler, path string) []byte {
	request := httptest.NewRequest(http.MethodGet, path, nil)
	request.Header.Set("Authorization", "Bearer "+keyPrefix+"viewer")
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder.Body.Bytes()
}

// A line is byte for byte what the listing shows, which encoding/json writes.
func TestExportedLinesAreTheListings(t *testing.T) {
	t.Parallel()
	f := newFakes()
	handler, err := api.New(optionsOf(f, io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		f.deliveries = []postback.Delivery{someDelivery(t), someDelivery(t)}
		var listed struct{ Items []json.RawMessage }
		if err := json.Unmarshal(get(handler, "/v1/deliveries"), &listed); err != nil {
			t.Fatal(err)
		}
		lines := bytes.SplitAfter(get(handler, "/v1/deliveries/export?format=jsonl"), []byte("\n"))
		if len(listed.Items) != 2 || len(lines) != 3 {
			t.Fatalf("%d items, %d lines", len(listed.Items), len(lines))
		}
		for i, item := range listed.Items {
			if string(lines[i]) != string(item)+"\n" {
				t.Fatalf("got  %s\nwant %s", lines[i], item)
			}
		}
	})
}

// A row is spelled as encoding/csv would, and holds the texts as they are but
// for the ' before a formula.
func TestExportedRowsAreCSV(t *testing.T) {
	t.Parallel()
	f := newFakes()
	handler := streamHandler(t, fakeHistory{f})
	rapid.Check(t, func(t *rapid.T) {
		d := someDelivery(t)
		f.deliveries = []postback.Delivery{d}
		_, text, _ := strings.Cut(string(get(handler, "/v1/deliveries/export")), "\n")
		want := []string{d.ID, d.EventID, d.EventType, d.Publisher, d.EndpointID, string(d.State), string(d.Reason)}
		row := readRow(t, text, want)
		if row[16] != d.Reference && row[16] != "'"+d.Reference {
			t.Fatalf("reference %q, want %q", row[16], d.Reference)
		}
	})
}

// readRow reads text as one record of 17 cells by hand, as encoding/csv writes
// one again: its reader would change line ends in cells.
func readRow(t *rapid.T, text string, want []string) []string {
	var cells []string
	rest := strings.TrimSuffix(text, "\n") + ","
	for rest != "" {
		var cell string
		if quoted, found := strings.CutPrefix(rest, `"`); found {
			for {
				part, after, closed := strings.Cut(quoted, `"`)
				if !closed {
					t.Fatalf("an open quote in %q", text)
				}
				cell, quoted = cell+part, after
				if again, doubled := strings.CutPrefix(after, `"`); doubled {
					cell, quoted = cell+`"`, again
					continue
				}
				break
			}
			rest = strings.TrimPrefix(quoted, ",")
		} else {
			cell, rest, _ = strings.Cut(rest, ",")
		}
		cells = append(cells, cell)
	}
	if len(cells) != 17 {
		t.Fatalf("%d cells in %q", len(cells), text)
	}
	for i, cell := range want {
		if cells[i] != cell && cells[i] != "'"+cell {
			t.Fatalf("got %q, want %q", cells[i], cell)
		}
	}
	var again bytes.Buffer
	out := csv.NewWriter(&again)
	if err := out.Write(cells); err != nil {
		t.Fatal(err)
	}
	if out.Flush(); again.String() != text {
		t.Fatalf("got  %q\nwant %q", text, again.String())
	}
	return cells
}
