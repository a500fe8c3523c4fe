package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/waybillhq/waybill/client"
)

const (
	// exportTries is how often in a row an export is begun again without a row
	// that came of it; their pauses make up a minute.
	exportTries = 8
	firstPause  = 500 * time.Millisecond
	longPause   = 15 * time.Second
	// exportStall is how long a server may be silent in the middle of an export.
	exportStall = 5 * time.Minute
)

// exportSource is the client.
type exportSource interface {
	Export(ctx context.Context, filter client.DeliveryFilter, how client.ExportRequest) (*client.Export, error)
}

// exportJob is one export, over as many connections as it takes.
type exportJob struct {
	client   exportSource
	filter   client.DeliveryFilter
	form     exportForm
	compress bool
	pause    func(ctx context.Context, wait time.Duration) error
	count    bool                 // ask for how many there are
	show     func(done, all int)  // may be nil; all is -1 while it is not known
	note     func(message string) // may be nil

	last   string // the delivery whose rows were the last to be written
	done   int    // deliveries written
	headed bool   // the heading is written
	begun  bool   // the server has answered
}

// follow writes all rows to a sink. When the connection breaks it goes on
// behind the last delivery that is whole.
func (j *exportJob) follow(ctx context.Context, to exportSink) error {
	for tries := 0; ; tries++ {
		before := j.done
		err := j.once(ctx, to)
		if err == nil || ctx.Err() != nil || !j.begun || !passes(err) {
			return err
		}
		if j.done > before {
			tries = 0
		}
		if tries == exportTries {
			return err
		}
		wait := min(firstPause<<tries, longPause)
		if j.note != nil {
			j.note(fmt.Sprintf("the export was interrupted after %s and resumes in %s: %s", counted(j.done, "delivery"), wait, describe(err)))
		}
		if err := j.pause(ctx, wait); err != nil {
			return err
		}
	}
}

// pause waits, or says why it could not.
func pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait: %w", context.Cause(ctx))
	}
}

// brokenError is a stream that ended before its end.
type brokenError struct{ cause error }

func (e *brokenError) Error() string { return "read export: " + e.cause.Error() }

func (e *brokenError) Unwrap() error { return e.cause }

func isBroken(err error) bool {
	_, broken := errors.AsType[*brokenError](err)
	return broken
}

// passes reports whether an error is one that another try may not meet: the
// connection broke, or the server or what is before it is being restarted.
func passes(err error) bool {
	if problem, ok := errors.AsType[*client.Problem](err); ok {
		return slices.Contains([]int{
			http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
		}, problem.Status)
	}
	_, failed := errors.AsType[*url.Error](err)
	return failed || isBroken(err)
}

// once writes what one connection brings, whole deliveries only.
func (j *exportJob) once(ctx context.Context, to exportSink) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(exportStall, func() { cancel(&brokenError{fmt.Errorf("nothing came for %s", exportStall)}) })
	defer stalled.Stop()
	err := j.read(ctx, stalled, to)
	if silent, ok := errors.AsType[*brokenError](context.Cause(ctx)); ok && err != nil {
		return silent
	}
	return err
}

func (j *exportJob) read(ctx context.Context, stalled *time.Timer, to exportSink) error {
	how := client.ExportRequest{Format: j.form.format, Attempts: j.form.attempts, Cursor: j.last, Compress: j.compress, Count: j.count}
	stream, err := j.client.Export(ctx, j.filter, how)
	if err != nil {
		return fmt.Errorf("export deliveries: %w", err)
	}
	defer stream.Close()
	j.begun = true
	rows := newExportReader(watched{stream, stalled}, j.form)
	for {
		id, text, err := rows.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := j.write(to, id, text); err != nil {
			return err
		}
		if j.show != nil {
			j.show(j.done, stream.Total)
		}
	}
}

// write writes the rows of a delivery, or the heading, once.
func (j *exportJob) write(to exportSink, id string, text []byte) error {
	if id == "" && j.headed {
		return nil
	}
	if err := to.add(text); err != nil {
		return err
	}
	if id == "" {
		j.headed = true
		return nil
	}
	j.last, j.done = id, j.done+1
	return nil
}

// watched puts a timer off with each read.
type watched struct {
	stream io.Reader
	timer  *time.Timer
}

func (w watched) Read(into []byte) (int, error) {
	n, err := w.stream.Read(into)
	w.timer.Reset(exportStall)
	return n, err //nolint:wrapcheck // a Reader passes its reader's errors on
}
