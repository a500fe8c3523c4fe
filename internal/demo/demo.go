package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// patience bounds the story; it takes about ten seconds.
const patience = 55 * time.Second

// Options say how the demo runs. Out alone is required.
type Options struct {
	Out   io.Writer
	Color bool
	// DataDir is empty or missing, and stays. Without one a temporary directory
	// is used, and removed at the end.
	DataDir string
	// Keep leaves everything running after the story, until the context ends.
	Keep bool

	// meddle breaks a receiver; tests prove with it that claims can fail.
	meddle func(*receiver)
}

// Run tells the story and checks its claims. The error says that one is
// false, or why the story did not come to its end.
func Run(ctx context.Context, options Options) (err error) {
	ctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	home, err := openHome(options)
	if err != nil {
		return err
	}
	shown := &screen{out: options.Out, color: options.Color, giveUp: giveUp}
	defer func() { err = errors.Join(err, home.leave(shown)) }()
	book := newBook(shown.receipt)
	cast, err := gather(ctx, book, options.meddle)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cast.close(ctx)) }()
	engine, err := startEngine(ctx, home.dir, giveUp)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.close()) }()

	told := &story{api: engine.api, engine: engine, book: book, cast: cast, screen: shown, home: home}
	return told.perform(ctx, options.Keep)
}

// perform tells the story, judges it, and keeps it running if that is wanted.
func (s *story) perform(ctx context.Context, keep bool) error {
	found, err := s.inTime(ctx)
	if err != nil {
		return s.because(ctx, err)
	}
	s.screen.summary(found)
	verdict := s.screen.claims(found.claims())
	if !keep {
		s.screen.farewell()
		return errors.Join(verdict, s.screen.failure())
	}
	s.book.rest()
	s.screen.keeping(s)
	<-ctx.Done()
	return errors.Join(verdict, s.engine.failure(), s.screen.failure())
}

// inTime tells the story in bounded time.
func (s *story) inTime(ctx context.Context) (evidence, error) {
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	found, err := s.tell(bounded)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		return found, fmt.Errorf("gave up after %s: %w", patience, err)
	}
	return found, err
}

// because is why the story ended early: most errors only follow from that.
func (s *story) because(ctx context.Context, err error) error {
	if failure := errors.Join(s.engine.failure(), s.screen.failure()); failure != nil {
		return failure
	}
	if ctx.Err() != nil {
		return errInterrupted()
	}
	return err
}

func errInterrupted() error { return errors.New("interrupted") }

// home is the directory that holds the engine's data.
type home struct {
	dir    string
	remove bool // at the end
}

func openHome(options Options) (home, error) {
	if options.DataDir == "" {
		dir, err := os.MkdirTemp("", "waybill-demo-")
		if err != nil {
			return home{}, fmt.Errorf("make data directory: %w", err)
		}
		return home{dir: dir, remove: !options.Keep}, nil
	}
	dir, err := filepath.Abs(options.DataDir) // it is shown for use elsewhere
	if err != nil {
		return home{}, fmt.Errorf("find data directory: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return home{}, fmt.Errorf("make data directory: %w", err)
	}
	content, err := os.ReadDir(dir)
	if err != nil {
		return home{}, fmt.Errorf("read data directory: %w", err)
	}
	if len(content) > 0 {
		return home{}, fmt.Errorf("the data directory %s is not empty: the demo starts with a ledger of its own", options.DataDir)
	}
	return home{dir: dir}, nil
}

// leave removes the directory, or says where it is.
func (h home) leave(shown *screen) error {
	if !h.remove {
		shown.line("The data stays in %s", h.dir)
		return nil
	}
	if err := os.RemoveAll(h.dir); err != nil {
		return fmt.Errorf("remove data directory: %w", err)
	}
	return nil
}
