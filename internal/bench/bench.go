package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

const (
	// rest is how long an engine is left alone before its memory counts as
	// being at rest.
	rest = 2 * time.Second
	// trailing is how long an engine may take to record its last deliveries
	// and still have that counted.
	trailing = 300 * time.Millisecond
	// glance is how often a run looks whether all was delivered.
	glance = 10 * time.Millisecond
	// clearing bounds what is done at the end of a run.
	clearing = 2 * time.Minute
)

// run is one run with its parts.
type run struct {
	Options

	naming      naming
	dialect     dialect
	journal     *journal
	sink        *sink
	engine      *engine
	queue       *queue    // nil for an embedded or unknown one
	database    *database // nil for an embedded or unknown ledger
	api         *client.Client
	endpoints   []string // ids of those it made
	connections atomic.Int64

	cleanups []func(context.Context) error // in the order of the start
}

// Run makes one run. The report is complete when the error is nil; deliveries
// that are missing at the end are part of it and no error.
func Run(ctx context.Context, options Options) (report Report, err error) {
	if err := options.Validate(); err != nil {
		return Report{}, err
	}
	r := newRun(options)
	err = r.within(ctx, func(ctx context.Context) error {
		if err := r.open(ctx); err != nil {
			return err
		}
		report, err = r.measure(ctx)
		return err
	})
	return report, err
}

func newRun(options Options) *run {
	return &run{Options: options, naming: naming{run: "bench-" + uuid.NewString()[:8]}}
}

// within does the work in bounded time and clears up after it. An error says
// whether it was interrupted, and why the engine failed.
func (r *run) within(ctx context.Context, work func(context.Context) error) (err error) {
	ctx, stop := context.WithTimeoutCause(ctx, MaxDuration, fmt.Errorf("the run took more than %s", MaxDuration))
	defer stop()
	defer func() { err = errors.Join(err, r.close(ctx)) }()
	err = work(ctx)
	switch ended := context.Cause(ctx); {
	case err == nil:
		return nil
	case ended != nil:
		return fmt.Errorf("interrupted: %w", ended)
	case r.engine != nil:
		return errors.Join(err, r.engine.failure())
	default:
		return err
	}
}

// open makes the parts, in the order of their needs.
func (r *run) open(ctx context.Context) error {
	for _, step := range []func(context.Context) error{r.openSink, r.openQueue, r.openDatabase, r.openEngine, r.makeEndpoints} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) openSink(ctx context.Context) (err error) {
	if r.dialect, err = dialectOf(r.Scheme); err != nil {
		return err
	}
	r.journal = newJournal(r.Events)
	r.sink = &sink{
		dialect: r.dialect, naming: r.naming, journal: r.journal,
		delay: r.ReceiverDelay, verify: r.Verify, status: http.StatusOK,
	}
	if r.Waiting && r.ReceiverDown {
		r.sink.status = http.StatusServiceUnavailable
	}
	if err := r.sink.open(ctx); err != nil {
		return err
	}
	r.onClose(r.sink.close)
	return nil
}

func (r *run) openQueue(ctx context.Context) (err error) {
	if r.Redis == "" {
		return nil
	}
	if r.queue, err = openQueue(ctx, r.Redis, r.Server == ""); err != nil {
		return err
	}
	r.onClose(r.queue.close)
	return nil
}

func (r *run) openDatabase(ctx context.Context) (err error) {
	if r.Database == "" {
		return nil
	}
	if r.database, err = openDatabase(ctx, r.Database); err != nil {
		return err
	}
	r.onClose(r.database.close)
	return nil
}

func (r *run) openEngine(ctx context.Context) error {
	r.engine = &engine{url: r.Server, key: r.Key, pid: r.PID}
	if r.Server == "" {
		dir, err := os.MkdirTemp("", "waybill-bench-")
		if err != nil {
			return fmt.Errorf("make data directory: %w", err)
		}
		r.onClose(func(context.Context) error { return os.RemoveAll(dir) })
		if r.engine, err = startEngine(ctx, r.Options, dir); err != nil {
			return err
		}
		r.onClose(func(context.Context) error { return r.engine.close() })
	}
	var err error
	r.api, err = r.newClient()
	return err
}

// newClient makes a client with connections of its own.
func (r *run) newClient() (*client.Client, error) {
	made, err := client.New(r.engine.url, r.engine.key,
		client.WithHTTPClient(wire(r.Concurrency, &r.connections)), client.WithUserAgent("waybill-bench"))
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	r.onClose(func(context.Context) error { made.Close(); return nil })
	return made, nil
}

// makeEndpoints makes the endpoints, and pauses them if deliveries are to wait.
func (r *run) makeEndpoints(ctx context.Context) error {
	r.onClose(r.deleteEndpoints)
	secrets := make([]string, 0, r.Endpoints)
	for number := range r.Endpoints {
		made, err := r.api.CreateEndpoint(ctx, r.endpointSpec(number))
		if err != nil {
			return fmt.Errorf("make endpoint: %w", err)
		}
		r.endpoints = append(r.endpoints, made.ID)
		secrets = append(secrets, made.Secret)
		if r.Waiting && !r.ReceiverDown {
			if _, err := r.api.PauseEndpoint(ctx, made.ID); err != nil {
				return fmt.Errorf("pause endpoint: %w", err)
			}
		}
	}
	r.sink.secrets.Store(&secrets)
	return nil
}

func (r *run) endpointSpec(number int) client.EndpointSpec {
	spec := client.EndpointSpec{
		Publisher: r.naming.publisher(number), Scheme: r.Scheme,
		EndpointSettings: postback.EndpointSettings{
			URL:         r.sink.endpoint(number),
			Description: "made by waybill bench",
		},
	}
	if r.Waiting {
		// Longer than any run: what failed once waits.
		spec.Retry = postback.RetryPolicy{Schedule: []postback.Duration{postback.Duration(2 * MaxDuration)}}
	}
	return spec
}

// deleteEndpoints leaves a server that runs anyway without the endpoints. A
// child is stopped and its ledger removed, which is quicker.
func (r *run) deleteEndpoints(ctx context.Context) error {
	if r.Server == "" {
		return nil
	}
	var failed []error
	for _, id := range r.endpoints {
		if err := r.api.DeleteEndpoint(ctx, id); err != nil {
			failed = append(failed, fmt.Errorf("delete endpoint %s: %w", id, err))
		}
	}
	return errors.Join(failed...)
}

func (r *run) onClose(cleanup func(context.Context) error) { r.cleanups = append(r.cleanups, cleanup) }

// close undoes the start, in bounded time, also when ctx has ended.
func (r *run) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), clearing)
	defer cancel()
	var failed []error
	for _, cleanup := range slices.Backward(r.cleanups) {
		failed = append(failed, cleanup(ctx))
	}
	return errors.Join(failed...)
}
