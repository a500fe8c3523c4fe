package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/waybillhq/waybill/postback"
)

// exportPage is how many deliveries an export asks the ledger for at once. It
// holds two such parts in memory.
const exportPage = 2000

// exportPatience is how long a reader of an export may take for one piece.
const exportPatience = 60 * time.Second

type exportInput struct {
	postback.DeliveryQuery
	Format   string `query:"format" enum:"csv,jsonl" default:"csv"`
	Attempts bool   `query:"attempts" doc:"One row for each attempt, not for each delivery"`
	Cursor   string `query:"cursor" doc:"A delivery's id: go on behind it, with the same filters. CSV has no heading then, so that the rows can be appended to those that came before"`
	Count    bool   `query:"count" doc:"Count what the filters pick first, in X-Total-Count: deliveries, whatever the cursor"`
}

func (s *server) routeExport() {
	op := operation("export-deliveries", http.MethodGet, "/v1/deliveries/export", "Stream deliveries or their attempts as CSV or JSON Lines, newest first")
	op.Description = "A stream that breaks off is cut at the connection, so that it cannot be taken for the whole; " +
		"go on behind the last delivery that came whole with cursor. With Accept-Encoding: gzip the stream is compressed. " +
		"A CSV cell that a spreadsheet might run as a formula has a ' before it; JSON Lines hold every text as it is, " +
		"and of attempts also the headers and bodies. "
	op.Responses = map[string]*huma.Response{"200": {
		Description: "The deliveries, or their attempts",
		Content: map[string]*huma.MediaType{
			"text/csv":          {Schema: &huma.Schema{Type: huma.TypeString}},
			"application/jsonl": {Schema: &huma.Schema{Type: huma.TypeString}},
		},
		Headers: map[string]*huma.Param{"X-Total-Count": {
			Description: "With count=true", Schema: &huma.Schema{Type: huma.TypeInteger},
		}},
	}}
	add(s, op, readers(), s.exportDeliveries)
}

func (s *server) exportDeliveries(ctx context.Context, input *exportInput) (*huma.StreamResponse, error) {
	filter, err := s.filter(ctx, "", input.DeliveryQuery)
	if err != nil {
		return nil, err
	}
	total := 0
	if input.Count {
		if total, err = s.Exports.CountDeliveries(ctx, filter); err != nil {
			return nil, fmt.Errorf("count deliveries: %w", err)
		}
	}
	// The first part comes before the status, so that a refusal is a problem.
	export, err := s.startExport(ctx, input, filter)
	if err != nil {
		return nil, fmt.Errorf("export deliveries: %w", err)
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		r, w := humago.Unwrap(hctx)
		s.describeExport(w.Header(), input)
		if input.Count {
			w.Header().Set("X-Total-Count", strconv.Itoa(total))
		}
		if err := streamTo(w, acceptsGzip(r.Header), export); err != nil {
			recordOf(ctx).err = err
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

// describeExport sets the headers that say what follows.
func (s *server) describeExport(header http.Header, input *exportInput) {
	kind, mediaType := "deliveries", "text/csv; charset=utf-8"
	if input.Attempts {
		kind = "attempts"
	}
	if input.Format == "jsonl" {
		mediaType = "application/jsonl"
	}
	header.Set("Content-Type", mediaType)
	header.Set("Content-Disposition", `attachment; filename="`+kind+"-"+s.Now().UTC().Format("20060102T150405Z")+"."+input.Format+`"`)
}

// startExport reads the first part of an export and returns what writes all of
// it.
func (s *server) startExport(ctx context.Context, input *exportInput, filter postback.DeliveryFilter) (func(*rowStream) error, error) {
	page := postback.Page{Cursor: input.Cursor, Limit: exportPage}
	headed := input.Cursor == ""
	if input.Attempts {
		return startRows(ctx, page, attemptRows(input.Format, headed), func(ctx context.Context, page postback.Page) ([]postback.History, string, error) {
			return s.Exports.Histories(ctx, filter, page)
		})
	}
	return startRows(ctx, page, deliveryRows(input.Format, headed), func(ctx context.Context, page postback.Page) ([]postback.Delivery, string, error) {
		return s.Exports.Deliveries(ctx, filter, page)
	})
}

// rowFormat spells what the ledger lists.
type rowFormat[T any] struct {
	heading string
	// spell appends the rows of one thing.
	spell func(out []byte, one *T) []byte
}

func startRows[T any](ctx context.Context, page postback.Page, format rowFormat[T], list lister[T]) (func(*rowStream) error, error) {
	first := list.read(ctx, page)
	if first.err != nil {
		return nil, first.err
	}
	return func(out *rowStream) error {
		out.rows = append(out.rows, format.heading...)
		return readAhead(ctx, page, first, list, func(items []T) error {
			for i := range items {
				out.rows = format.spell(out.rows, &items[i])
				if err := out.passFull(); err != nil {
					return err
				}
			}
			return out.flush()
		})
	}, nil
}
