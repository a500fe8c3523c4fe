package api

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// The headings. Names and order are published: new columns go at the end.
const (
	deliveryHeading = "id,event_id,event_type,publisher,endpoint_id,state,reason," +
		"attempts,last_status_code,last_error,next_attempt_at,created_at,completed_at," +
		"message_id,generation,test,reference\n"
	attemptHeading = "delivery_id,event_id,event_type,publisher,endpoint_id,reference," +
		"generation,number,trigger,started_at,duration_ms,outcome,status_code,error_code,error_message," +
		"method,url,source_ip,trace_id\n"
)

// deliveryCSV appends a delivery's row.
func deliveryCSV(out []byte, delivery *postback.Delivery) []byte {
	d := deliveryOf(*delivery)
	row := csvRow{out}
	row.text(d.ID, d.EventID, d.EventType, d.Publisher, d.EndpointID, string(d.State), string(d.Reason))
	row.number(int64(d.Attempts))
	row.optional(d.LastStatusCode)
	row.text(d.LastError)
	row.time(d.NextAttemptAt)
	row.time(d.CreatedAt)
	row.time(d.CompletedAt)
	row.text(d.MessageID)
	row.number(int64(d.Generation))
	row.out = append(strconv.AppendBool(row.out, d.Test), ',')
	row.text(d.Reference)
	return row.end()
}

// attemptsCSV appends a row for each attempt. What was sent and answered is not
// in it: cells of spreadsheets end at 32,767 characters.
func attemptsCSV(out []byte, history *postback.History) []byte {
	d := history.Delivery
	row := csvRow{out}
	for _, a := range history.Attempts {
		row.text(d.ID, d.EventID, d.EventType, d.Publisher, d.EndpointID, d.Reference)
		row.number(int64(a.Generation))
		row.number(int64(a.Number))
		row.text(string(a.Trigger))
		row.time(stamp(a.StartedAt))
		row.number(a.Duration.Milliseconds())
		row.text(string(a.Outcome))
		row.optional(a.StatusCode)
		var failure postback.AttemptError
		if a.Error != nil {
			failure = *a.Error
		}
		row.text(failure.Code, failure.Message, a.Request.Method, a.Request.URL, a.SourceIP, a.TraceID)
		row.out = row.end()
	}
	return row.out
}

// csvRow appends RFC 4180 cells, each with a comma behind it.
type csvRow struct{ out []byte }

// end turns the last comma into the row's end.
func (r *csvRow) end() []byte {
	r.out[len(r.out)-1] = '\n'
	return r.out
}

// text appends cells that others may have written.
func (r *csvRow) text(cells ...string) {
	for _, cell := range cells {
		r.out = append(appendCell(r.out, cell), ',')
	}
}

func (r *csvRow) number(n int64) { r.out = append(strconv.AppendInt(r.out, n, 10), ',') }

// optional appends nothing for a zero.
func (r *csvRow) optional(n int) {
	if n != 0 {
		r.out = strconv.AppendInt(r.out, int64(n), 10)
	}
	r.out = append(r.out, ',')
}

func (r *csvRow) time(at client.Time) {
	if !at.IsZero() {
		r.out = at.UTC().AppendFormat(r.out, client.TimeFormat)
	}
	r.out = append(r.out, ',')
}

// appendCell appends a text as one cell, harmless, and in quotes where it needs
// them.
func appendCell(out []byte, cell string) []byte {
	if plain(cell) {
		return append(out, cell...)
	}
	if formula(cell) {
		cell = "'" + cell
	}
	if !quoted(cell) {
		return append(out, cell...)
	}
	out = append(out, '"')
	for {
		before, after, found := strings.Cut(cell, `"`)
		out = append(out, before...)
		if !found {
			return append(out, '"')
		}
		out, cell = append(out, `""`...), after
	}
}

// plain reports whether a cell is of the common kind, which needs nothing.
func plain(cell string) bool {
	for i := range len(cell) {
		switch c := cell[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', 'A' <= c && c <= 'Z', c == '_', c == '.':
		case i > 0 && (c == '-' || c == ' ' || c == ':' || c == '/'):
		default:
			return false
		}
	}
	return true
}

// quoted reports whether a cell must be in quotes, by the rules of encoding/csv:
// spaces at the beginning are lost without, and \. ends a table to PostgreSQL.
func quoted(cell string) bool {
	first, _ := utf8.DecodeRuneInString(cell)
	return unicode.IsSpace(first) || strings.ContainsAny(cell, ",\"\r\n") || cell == `\.`
}

// formula reports whether a spreadsheet might run a cell. It might where a cell
// begins with one of the characters that OWASP names, in their full-width and
// small forms too, also behind what is not seen.
func formula(cell string) bool {
	if cell == "" {
		return false
	}
	if strings.ContainsRune("\t\r\n", rune(cell[0])) {
		return true
	}
	seen := strings.TrimLeftFunc(cell, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) })
	first, _ := utf8.DecodeRuneInString(seen)
	return seen != "" && strings.ContainsRune("=+-@＝＋－＠﹦﹢﹣﹫", first)
}
