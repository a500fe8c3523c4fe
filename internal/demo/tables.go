package demo

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/waybillhq/waybill/client"
)

// table prints rows under their headings, aligned.
func (s *screen) table(headings []string, rows [][]string) {
	writer := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = text.FormatDefault
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	writer.SetStyle(style)
	writer.SuppressTrailingSpaces()
	if headings != nil {
		writer.AppendHeader(cells(headings))
	}
	for _, row := range rows {
		writer.AppendRow(cells(row))
	}
	lines := strings.Split(writer.Render(), "\n")
	if headings != nil {
		lines[0] = s.paint(text.Faint, lines[0])
	}
	s.block(lines...)
}

func cells(texts []string) table.Row {
	row := make(table.Row, 0, len(texts))
	for _, cell := range texts {
		row = append(row, cell)
	}
	return row
}

func (s *screen) receivers(all cast) {
	rows := make([][]string, 0, len(all))
	for _, r := range all {
		rows = append(rows, []string{r.name, r.behaviour, r.publisher, r.scheme, r.url, r.endpoint})
	}
	s.table([]string{"receiver", "which", "publisher", "scheme", "address", "endpoint"}, rows)
}

func (s *screen) deliveries(all []client.Delivery) {
	rows := make([][]string, 0, len(all))
	for _, d := range all {
		rows = append(rows, []string{
			d.ID, stateOf(d), strconv.Itoa(d.Attempts), strconv.Itoa(d.LastStatusCode), d.EventID,
		})
	}
	s.table([]string{"delivery", "state", "tries", "last", "event"}, rows)
}

func stateOf(d client.Delivery) string {
	if d.Reason == "" {
		return string(d.State)
	}
	return fmt.Sprintf("%s (%s)", d.State, d.Reason)
}

// inspect shows a delivery and its last attempt.
func (s *screen) inspect(detail client.DeliveryDetail) {
	pairs := [][2]string{
		{"message id", detail.MessageID},
		{"state", stateOf(detail.Delivery)},
	}
	if n := len(detail.Attempts); n > 0 {
		last := detail.Attempts[n-1]
		answer := strconv.Itoa(last.StatusCode)
		if last.Response != nil {
			answer += fmt.Sprintf(" %q", strings.TrimSpace(last.Response.Body))
		}
		pairs = append(pairs,
			[2]string{"string to sign", last.Request.StringToSign},
			[2]string{"request", last.Request.Method + " " + last.Request.URL},
			[2]string{"answer", answer})
	}
	s.facts(pairs...)
}

// history shows a delivery's attempts.
func (s *screen) history(detail client.DeliveryDetail) {
	rows := make([][]string, 0, len(detail.Attempts))
	for _, attempt := range detail.Attempts {
		rows = append(rows, []string{
			strconv.Itoa(attempt.Number), string(attempt.Trigger), string(attempt.Outcome), strconv.Itoa(attempt.StatusCode),
		})
	}
	s.facts([2]string{"message id", detail.MessageID})
	s.table([]string{"attempt", "trigger", "outcome", "answer"}, rows)
}

func (s *screen) summary(found evidence) {
	f := found.figures()
	s.line("\n%s", s.paint(text.Bold, "Summary of this run"))
	s.table(nil, [][]string{
		{"events accepted", strconv.Itoa(f.events)},
		{"deliveries", strconv.Itoa(f.deliveries)},
		{"attempts", strconv.Itoa(f.attempts)},
		{"delivered at the first attempt", strconv.Itoa(f.atOnce)},
		{"delivered after retries", strconv.Itoa(f.afterRetries)},
		{"delivered after a replay", strconv.Itoa(f.afterReplay)},
		{"dead letters", fmt.Sprintf("%d, of which %d still are", f.deadLetters, f.stillDead)},
		{"from acceptance to receipt, median", fmt.Sprintf("%.0f ms", float64(f.median)/float64(time.Millisecond))},
	})
}

// claims prints them all. The error counts those that are false.
func (s *screen) claims(all []claim) error {
	s.line("\n%s", s.paint(text.Bold, "Claims, checked against the API's answers and what the receivers saw"))
	failed := 0
	for _, claim := range all {
		if claim.flaw == "" {
			s.block(s.paint(text.FgGreen, "✓") + " " + claim.text)
			continue
		}
		failed++
		s.block(s.paint(text.FgRed, "FAILED")+" "+claim.text, "       but "+claim.flaw)
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d claims are false", failed, len(all))
	}
	if len(all) == 0 {
		return errors.New("nothing was claimed")
	}
	s.line("\nAll %d claims are true.", len(all))
	return nil
}

// farewell says where to go from here.
func (s *screen) farewell() {
	s.line("")
	s.facts(
		[2]string{"waybill demo --keep", "does this again and leaves it running, to try commands on"},
		[2]string{"waybill serve", "starts an engine of your own, with nothing to install"})
}

// keeping says what is still running and how to use it.
func (s *screen) keeping(told *story) {
	event := conversion(told.cast.get(besitos), "tx-1007")
	s.line("\n%s", s.paint(text.Bold, "Still running, until Ctrl-C"))
	s.facts(
		[2]string{"API", told.engine.url + " (described at /openapi.json)"},
		[2]string{"admin key", told.engine.keyFile},
		[2]string{"log", told.engine.logFile})
	s.note("Try it from another terminal; what the receivers see is shown here:")
	s.shell("export WAYBILL_URL=" + told.engine.url + " WAYBILL_DATA_DIR=" + told.home.dir)
	s.send(event)
	s.command("waybill delivery list")
	s.command("waybill example " + told.cast.get(simpleswap).endpoint)
	s.command("waybill endpoint list")
	s.receiptHeader()
}
