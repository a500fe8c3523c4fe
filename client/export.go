package client

import (
	"context"
	"io"
	"net/http"
	"strconv"
)

// ExportRequest says how to export.
type ExportRequest struct {
	Format   string // "csv" or "jsonl"
	Attempts bool   // a row for each attempt, not for each delivery
	// Cursor is the id of a delivery: the rows behind it come, without a
	// heading. Empty begins.
	Cursor string
	Count  bool // have Total counted
	// Compress has the rows compressed on their way. Slow lines gain by it; the
	// stream reads the same.
	Compress bool
}

// Export is a stream of rows. A read error means that it is not complete; the
// reader closes it.
type Export struct {
	io.ReadCloser
	// Total is how many deliveries the filter picks, whatever the cursor, and -1
	// when nobody counted.
	Total int
}

// Export streams the deliveries that the filter picks, newest first. The
// client's timeout does not apply: bound it with ctx.
func (c *Client) Export(ctx context.Context, filter DeliveryFilter, how ExportRequest) (*Export, error) {
	query := filter.Values()
	query.Set("format", how.Format)
	put(query, "cursor", how.Cursor)
	for name, given := range map[string]bool{"attempts": how.Attempts, "count": how.Count} {
		if given {
			query.Set(name, "true")
		}
	}
	response, err := c.send(ctx, call{method: http.MethodGet, path: "/v1/deliveries/export", query: query, plain: !how.Compress}) //nolint:bodyclose // whoever reads the stream closes it
	if err != nil {
		return nil, err
	}
	export := &Export{ReadCloser: response.Body, Total: -1}
	if total, err := strconv.Atoi(response.Header.Get("X-Total-Count")); err == nil {
		export.Total = total
	}
	return export, nil
}

// ExportDeliveries is Export of deliveries in a format, from the beginning.
func (c *Client) ExportDeliveries(ctx context.Context, filter DeliveryFilter, format string) (io.ReadCloser, error) {
	export, err := c.Export(ctx, filter, ExportRequest{Format: format})
	if err != nil {
		return nil, err
	}
	return export, nil
}
