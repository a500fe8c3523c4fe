package api

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/waybillhq/waybill/postback"
)

const (
	// exportPage is how many deliveries an export holds in memory.
	exportPage = 500
	// exportPatience is how long a reader of an export may take for one page.
	exportPatience = 60 * time.Second
)

type exportInput struct {
	DeliveryQuery
	Format string `query:"format" enum:"csv,jsonl" default:"csv"`
}

func (s *server) routeExport() {
	op := operation("export-deliveries", http.MethodGet, "/v1/deliveries/export", "Stream deliveries as CSV or JSON Lines, newest first")
	op.Description = "A stream that breaks off is cut at the connection, so that it cannot be taken for the whole. " +
		"A CSV cell that begins with =, +, -, @, a tab or a carriage return has a ' before it, so that no spreadsheet runs it. "
	op.Responses = map[string]*huma.Response{"200": {Description: "The deliveries", Content: map[string]*huma.MediaType{
		"text/csv":          {Schema: &huma.Schema{Type: huma.TypeString}},
		"application/jsonl": {Schema: &huma.Schema{Type: huma.TypeString}},
	}}}
	add(s, op, readers(), s.exportDeliveries)
}

// rowWriter writes deliveries in one format; flush passes on what it holds.
type rowWriter interface {
	write(delivery DeliveryView) error
	flush() error
}

func (s *server) exportDeliveries(ctx context.Context, input *exportInput) (*huma.StreamResponse, error) {
	filter, err := s.filter(ctx, "", input.DeliveryQuery)
	if err != nil {
		return nil, err
	}
	// The first page comes before the status, so that a refusal is a problem.
	page, next, err := s.History.Deliveries(ctx, filter, postback.Page{Limit: exportPage})
	if err != nil {
		return nil, fmt.Errorf("export deliveries: %w", err)
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		_, w := humago.Unwrap(hctx)
		if err := s.export(ctx, w, input.Format, filter, page, next); err != nil {
			recordOf(ctx).err = err
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

func (s *server) export(ctx context.Context, w http.ResponseWriter, format string, filter postback.DeliveryFilter, page []postback.Delivery, next string) error {
	rows := startExport(w, format, s.Now())
	control := http.NewResponseController(w)
	// A deadline that stays would cut the connection's next answer.
	defer func() { _ = control.SetWriteDeadline(time.Time{}) }()
	for {
		_ = control.SetWriteDeadline(time.Now().Add(exportPatience)) // Where there is none to set, none is needed.
		for _, delivery := range page {
			if err := rows.write(deliveryOf(delivery)); err != nil {
				return fmt.Errorf("write export: %w", err)
			}
		}
		if err := rows.flush(); err != nil {
			return fmt.Errorf("write export: %w", err)
		}
		if err := control.Flush(); err != nil {
			return fmt.Errorf("flush export: %w", err)
		}
		if next == "" {
			return nil
		}
		var err error
		if page, next, err = s.History.Deliveries(ctx, filter, postback.Page{Cursor: next, Limit: exportPage}); err != nil {
			return fmt.Errorf("continue export: %w", err)
		}
	}
}

func startExport(w http.ResponseWriter, format string, now time.Time) rowWriter {
	name := "deliveries-" + now.UTC().Format("20060102T150405Z") + "." + format
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	if format == "jsonl" {
		w.Header().Set("Content-Type", "application/jsonl")
		return newLineRows(w)
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	return &csvRows{out: csv.NewWriter(w)}
}

// lineRows writes JSON Lines.
type lineRows struct{ encoder *json.Encoder }

func newLineRows(w io.Writer) lineRows {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return lineRows{encoder: encoder}
}

func (l lineRows) write(delivery DeliveryView) error {
	if err := l.encoder.Encode(delivery); err != nil {
		return fmt.Errorf("encode delivery: %w", err)
	}
	return nil
}

func (lineRows) flush() error { return nil }

// csvRows writes RFC 4180 CSV with a heading.
type csvRows struct {
	out    *csv.Writer
	headed bool
}

func (c *csvRows) write(d DeliveryView) error {
	c.head()
	row := []string{
		d.ID, d.EventID, d.EventType, d.Publisher, d.EndpointID, string(d.State), string(d.Reason),
		strconv.Itoa(d.Attempts), optionalNumber(d.LastStatusCode), d.LastError,
		optionalTime(d.NextAttemptAt), optionalTime(d.CreatedAt), optionalTime(d.CompletedAt),
		d.MessageID, strconv.Itoa(d.Generation), strconv.FormatBool(d.Test),
	}
	for i, cell := range row {
		row[i] = harmless(cell)
	}
	return c.out.Write(row) //nolint:wrapcheck // export wraps it.
}

func (c *csvRows) head() {
	if c.headed {
		return
	}
	c.headed = true
	_ = c.out.Write([]string{ // flush reports the error.
		"id", "event_id", "event_type", "publisher", "endpoint_id", "state", "reason",
		"attempts", "last_status_code", "last_error", "next_attempt_at", "created_at", "completed_at",
		"message_id", "generation", "test",
	})
}

func (c *csvRows) flush() error {
	c.head()
	c.out.Flush()
	return c.out.Error() //nolint:wrapcheck // export wraps it.
}

// harmless keeps spreadsheets from running a cell as a formula.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

func optionalNumber(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func optionalTime(t timestamp) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}
