package api

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// pieceSize is how many bytes of rows are passed on at once.
const pieceSize = 64 << 10

// rowStream passes rows on to a reader, in pieces, compressed if it likes. A
// reader that does not take a piece within exportPatience is cut off.
type rowStream struct {
	rows    []byte // not passed on yet
	to      io.Writer
	zip     *gzip.Writer // nil when the reader wants the rows as they are
	control *http.ResponseController
}

// streamTo writes an export. An error means that the reader must not take what
// it got for the whole: its connection is cut, and of gzip the end is missing.
func streamTo(w http.ResponseWriter, zipped bool, export func(*rowStream) error) error {
	out := &rowStream{to: w, control: http.NewResponseController(w), rows: make([]byte, 0, pieceSize+pieceSize/4)}
	w.Header().Add("Vary", "Accept-Encoding")
	if zipped {
		w.Header().Set("Content-Encoding", "gzip")
		out.zip, _ = gzip.NewWriterLevel(w, gzip.BestSpeed) // It knows this level.
		out.to = out.zip
	}
	// A deadline that stays would cut the connection's next answer.
	defer func() { _ = out.control.SetWriteDeadline(time.Time{}) }()
	if err := export(out); err != nil {
		return err
	}
	if out.zip != nil {
		out.wait()
		if err := out.zip.Close(); err != nil {
			return fmt.Errorf("end export: %w", err)
		}
	}
	return nil
}

// passFull passes the rows on when they are enough for a piece.
func (o *rowStream) passFull() error {
	if len(o.rows) < pieceSize {
		return nil
	}
	return o.pass()
}

func (o *rowStream) pass() error {
	o.wait()
	if _, err := o.to.Write(o.rows); err != nil {
		return fmt.Errorf("write export: %w", err)
	}
	o.rows = o.rows[:0]
	return nil
}

// flush lets the reader see all rows that there are.
func (o *rowStream) flush() error {
	if err := o.pass(); err != nil {
		return err
	}
	if o.zip != nil {
		if err := o.zip.Flush(); err != nil {
			return fmt.Errorf("compress export: %w", err)
		}
	}
	if err := o.control.Flush(); err != nil {
		return fmt.Errorf("flush export: %w", err)
	}
	return nil
}

// wait gives the reader its time for what is written next.
func (o *rowStream) wait() {
	_ = o.control.SetWriteDeadline(time.Now().Add(exportPatience)) // Where there is none to set, none is needed.
}

// lister reads one part of a listing and the next cursor.
type lister[T any] func(ctx context.Context, page postback.Page) ([]T, string, error)

// part is what a lister answered.
type part[T any] struct {
	items []T
	next  string
	err   error
}

func (l lister[T]) read(ctx context.Context, page postback.Page) part[T] {
	items, next, err := l(ctx, page)
	return part[T]{items: items, next: next, err: err}
}

// readAhead writes all parts of a listing, the first of which was read. While
// one is written the next is read, and no more: two are in memory, and the
// ledger is asked for nothing while the reader is slow.
func readAhead[T any](ctx context.Context, page postback.Page, first part[T], list lister[T], write func([]T) error) error {
	ctx, cancel := context.WithCancel(ctx)
	parts := make(chan part[T])
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(parts)
		for found := first; found.next != ""; {
			page.Cursor = found.next
			if found = list.read(ctx, page); found.err != nil {
				found.next = ""
			}
			select {
			case parts <- found:
			case <-ctx.Done():
				return
			}
		}
	})
	defer reading.Wait()
	defer cancel()
	for last := first; ; {
		if err := write(last.items); err != nil {
			return err
		}
		if last.next == "" {
			return nil
		}
		next, more := <-parts
		if !more {
			return fmt.Errorf("continue export: %w", context.Cause(ctx))
		}
		if next.err != nil {
			return fmt.Errorf("continue export: %w", next.err)
		}
		last = next
	}
}

// acceptsGzip reports whether a reader asked for gzip (RFC 9110, 12.5.3).
func acceptsGzip(header http.Header) bool {
	accepted := map[string]bool{}
	for item := range strings.SplitSeq(strings.Join(header.Values("Accept-Encoding"), ","), ",") {
		coding, weight, weighed := strings.Cut(item, ";")
		coding = strings.ToLower(strings.TrimSpace(coding))
		accepted[coding] = !weighed || positive(weight)
	}
	for _, name := range []string{"gzip", "x-gzip", "*"} {
		if wanted, named := accepted[name]; named {
			return wanted
		}
	}
	return false
}

// positive reads a weight such as "q=0.5".
func positive(weight string) bool {
	name, value, _ := strings.Cut(strings.TrimSpace(weight), "=")
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	return strings.EqualFold(strings.TrimSpace(name), "q") && err == nil && q > 0
}
