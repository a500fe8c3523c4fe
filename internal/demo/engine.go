package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/internal/app"
	"github.com/waybillhq/waybill/internal/config"
)

// loopback is all that the demo's engine may send to.
const loopback = "127.0.0.0/8"

// engine is a running server and a client of it with the admin key.
type engine struct {
	api     *client.Client
	url     string
	keyFile string
	logFile string
	answers *witness

	stop    context.CancelFunc
	ended   <-chan struct{} // after it, err and crashed are set
	err     error
	crashed bool // nobody stopped it
	log     *os.File
}

// startEngine starts a server with embedded defaults on a free port. It logs to
// a file in dataDir. When it ends, crashed is called.
func startEngine(ctx context.Context, dataDir string, crashed context.CancelFunc) (*engine, error) {
	settings := config.Default()
	settings.Listen, settings.DataDir = "127.0.0.1:0", dataDir
	settings.EgressAllow = []netip.Prefix{netip.MustParsePrefix(loopback)}
	settings.DrainTimeout = 5 * time.Second

	e := &engine{keyFile: settings.AdminKeyFile(), logFile: filepath.Join(dataDir, "waybill.log")}
	var err error
	if e.log, err = os.OpenFile(e.logFile, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600); err != nil {
		return nil, fmt.Errorf("make log file: %w", err)
	}
	address, err := e.run(ctx, settings, crashed)
	if err == nil {
		err = e.connect("http://" + address)
	}
	if err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

// run starts the server and waits until it listens. It outlives ctx: close
// stops it, while the receivers still answer.
func (e *engine) run(ctx context.Context, settings config.Config, crashed context.CancelFunc) (string, error) {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	listening, ended := make(chan net.Addr, 1), make(chan struct{})
	e.stop, e.ended = stop, ended
	log := slog.New(slog.NewTextHandler(e.log, nil))
	go func() {
		defer crashed()
		defer close(ended)
		e.err = app.Run(running, settings, app.Roles{API: true, Worker: true}, log, func(at, _ net.Addr) { listening <- at })
		e.crashed = running.Err() == nil
	}()
	select {
	case at := <-listening:
		return at.String(), nil
	case <-ended:
		return "", e.failure()
	case <-ctx.Done():
		return "", errInterrupted()
	}
}

// failure is why the engine stopped by itself, nil when it did not.
func (e *engine) failure() error {
	select {
	case <-e.ended:
	default:
		return nil
	}
	if !e.crashed {
		return nil
	}
	return fmt.Errorf("the engine stopped: %w", e.err)
}

func (e *engine) connect(url string) error {
	key, err := os.ReadFile(e.keyFile)
	if err != nil {
		return fmt.Errorf("read admin key: %w", err)
	}
	e.url = url
	e.answers = &witness{next: &http.Transport{}}
	e.api, err = client.New(url, strings.TrimSpace(string(key)), client.WithHTTPClient(&http.Client{Transport: e.answers}))
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	return nil
}

// close drains the server and waits for its end.
func (e *engine) close() error {
	var err error
	if e.stop != nil {
		e.stop()
		<-e.ended
		if !e.crashed { // else its error is known already
			err = e.err
		}
	}
	if e.answers != nil {
		e.answers.next.CloseIdleConnections()
	}
	if err := errors.Join(err, e.log.Close()); err != nil {
		return fmt.Errorf("stop the engine: %w", err)
	}
	return nil
}

// witness keeps what the API answers, to be searched for secrets.
type witness struct {
	next *http.Transport

	mu    sync.Mutex
	count int
	seen  bytes.Buffer
}

// RoundTrip makes the call and keeps a copy of its answer.
func (w *witness) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := w.next.RoundTrip(request)
	if err != nil {
		return nil, err //nolint:wrapcheck // http.Client wraps it
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close() // was read to its end
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count++
	w.seen.Write(body)
	return response, nil
}

// shown is how many answers there were and how often they held the text.
func (w *witness) shown(text string) (answers, times int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count, bytes.Count(w.seen.Bytes(), []byte(text))
}
