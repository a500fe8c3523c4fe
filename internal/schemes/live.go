package schemes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waybillhq/waybill/internal/loop"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// Ledger keeps the schemes that were declared by the API.
type Ledger interface {
	// SaveScheme writes a new scheme; another declaration under a name that is
	// there is postback.CodeConflict.
	SaveScheme(ctx context.Context, scheme postback.DeclaredScheme) error
	// DeleteScheme takes a scheme out of use. postback.CodeNotFound, and
	// postback.CodeConflict while endpoints use it.
	DeleteScheme(ctx context.Context, name string, at time.Time) error
	// SchemesSince returns the schemes, deleted ones too, whose Revision is greater,
	// in its order.
	SchemesSince(ctx context.Context, revision int64) ([]postback.DeclaredScheme, error)
}

// missTimeout bounds the look into the ledger for a name that is not known.
const missTimeout = 5 * time.Second

// Live is a catalogue together with the ledger's schemes, as they are declared and
// deleted. It is safe for concurrent use.
type Live struct {
	ledger  Ledger
	loaded  *Catalogue // without the ledger's schemes
	now     func() time.Time
	current atomic.Pointer[Catalogue]

	refreshing sync.Mutex
	revision   int64 // the last scheme seen; under refreshing

	warned   sync.Mutex
	warnings []Warning // of the ledger's schemes; under warned
}

// Warning is what an operator should know of a scheme of the ledger.
type Warning struct {
	Scheme string
	Err    error
}

// NewLive makes a live catalogue over one that was loaded; Refresh takes in the
// ledger's schemes.
func NewLive(loaded *Catalogue, ledger Ledger) *Live {
	l := &Live{ledger: ledger, loaded: loaded, now: time.Now}
	l.current.Store(loaded)
	return l
}

// Follow refreshes at every interval until ctx ends.
func (l *Live) Follow(ctx context.Context, interval time.Duration, log *slog.Logger) {
	loop.Run(ctx, loop.Job{Name: "follow schemes", Every: interval, Do: l.Refresh, Logger: log})
}

// Refresh takes in what was declared and deleted since the last call. A scheme
// of the ledger stands before one of the same name that this program or a file
// brings: endpoints were made with it. That, and declarations which this program
// does not compile, are Warnings.
func (l *Live) Refresh(ctx context.Context) error {
	l.refreshing.Lock()
	defer l.refreshing.Unlock()
	added, err := l.ledger.SchemesSince(ctx, l.revision)
	if err != nil {
		return fmt.Errorf("read declared schemes: %w", err)
	}
	if len(added) == 0 {
		return nil
	}
	next := &Catalogue{known: slices.Clone(l.current.Load().known)}
	for _, scheme := range added {
		next.drop(scheme.Name, l.loaded)
		l.warn(scheme.Name, next.take(scheme))
		l.revision = scheme.Revision
	}
	l.current.Store(next)
	return nil
}

// drop puts in the place of a scheme of the ledger what was loaded under its name, if
// anything was.
func (c *Catalogue) drop(name string, loaded *Catalogue) {
	at, found := c.search(name)
	if !found || c.known[at].origin != postback.SchemeAPI {
		return
	}
	if was, hidden := loaded.search(name); hidden {
		c.known[at] = loaded.known[was]
		return
	}
	c.known = slices.Delete(c.known, at, at+1)
}

// take puts a scheme of the ledger into the catalogue, unless it is deleted. The
// error says that it cannot be used, what it hides, or what it promises in vain.
func (c *Catalogue) take(scheme postback.DeclaredScheme) error {
	if !scheme.DeletedAt.IsZero() {
		return nil
	}
	from := "the ledger's scheme " + scheme.Name
	definition, beyond, err := parse(from, scheme.Declaration)
	if err != nil {
		return err
	}
	var broken error
	if beyond != nil {
		broken = fmt.Errorf("%w. %s: declare it anew under another name", beyond.err, beyond.means)
	}
	taken := entry{Definition: definition, from: from, origin: postback.SchemeAPI, revision: scheme.Revision}
	at, found := c.search(scheme.Name)
	if !found {
		c.known = slices.Insert(c.known, at, taken)
		return broken
	}
	hidden := c.known[at]
	c.known[at] = taken
	hides := fmt.Errorf("the ledger has a scheme %s, which is used instead of the one from %s", scheme.Name, hidden.from)
	return errors.Join(hides, broken)
}

// warn notes what there is to know of a scheme now; nil for nothing.
func (l *Live) warn(scheme string, err error) {
	l.warned.Lock()
	defer l.warned.Unlock()
	l.warnings = slices.DeleteFunc(l.warnings, func(w Warning) bool { return w.Scheme == scheme })
	if err != nil {
		l.warnings = append(l.warnings, Warning{Scheme: scheme, Err: err})
	}
}

// Warnings are those of all schemes that are there.
func (l *Live) Warnings() []Warning {
	l.warned.Lock()
	defer l.warned.Unlock()
	return slices.Clone(l.warnings)
}

// unusable is why the ledger's scheme of that name cannot be used, if so.
func (l *Live) unusable(name string) error {
	for _, warning := range l.Warnings() {
		if warning.Scheme == name {
			return warning.Err
		}
	}
	return nil
}

// Define returns what is known of a scheme, with the errors of
// Catalogue.Define. A name that is not known is looked for in the ledger, so
// that a scheme which another process took in is known at once.
func (l *Live) Define(name string) (*signer.Definition, error) {
	definition, _, err := l.DefineRevision(name)
	return definition, err
}

// DefineRevision is Define, with the scheme's revision in the ledger: 0 for one that
// is none of the ledger's.
func (l *Live) DefineRevision(name string) (*signer.Definition, int64, error) {
	if definition, revision, err := l.current.Load().DefineRevision(name); err == nil {
		return definition, revision, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), missTimeout)
	defer cancel()
	failed := l.Refresh(ctx)
	definition, revision, err := l.current.Load().DefineRevision(name)
	if err == nil {
		return definition, revision, nil
	}
	if failed == nil {
		failed = l.unusable(name)
	}
	if failed != nil {
		return nil, 0, failed
	}
	return nil, 0, err
}

// Create keeps a new scheme, declared in JSON. The same declaration again is no
// error; a name that is taken is postback.CodeConflict. Other domain errors name
// the member of the declaration that is wrong, such as "parts[2].field".
func (l *Live) Create(ctx context.Context, declaration []byte) (postback.Scheme, error) {
	definition, err := Parse("declaration.json", declaration)
	if err != nil {
		return postback.Scheme{}, parseError(err)
	}
	name := definition.Name()
	current := l.current.Load()
	if at, taken := current.search(name); taken && current.known[at].origin != postback.SchemeAPI {
		return postback.Scheme{}, postback.Invalid("name", postback.CodeConflict,
			"there is a scheme %s already, from %s; choose another name", name, current.known[at].from)
	}
	// What is stored has one spelling for one declaration.
	text, err := json.Marshal(definition.Declaration())
	if err != nil {
		return postback.Scheme{}, fmt.Errorf("write declaration: %w", err)
	}
	if err := l.ledger.SaveScheme(ctx, postback.DeclaredScheme{Name: name, Declaration: text, CreatedAt: l.now()}); err != nil {
		return postback.Scheme{}, fmt.Errorf("save scheme: %w", err)
	}
	return l.Scheme(ctx, name)
}

// Delete takes a scheme of the ledger out of use; what it hid is used again. While
// endpoints use it, and for a scheme that is built in or comes from a file, it is
// postback.CodeConflict; postback.CodeNotFound.
func (l *Live) Delete(ctx context.Context, name string) error {
	err := l.ledger.DeleteScheme(ctx, name, l.now())
	if at, found := l.loaded.search(name); found && postback.CodeOf(err) == postback.CodeNotFound {
		return l.loaded.known[at].keep()
	}
	if err != nil {
		return fmt.Errorf("delete scheme: %w", err)
	}
	_ = l.Refresh(ctx) // It is deleted; that this process sees it a moment later is no failure.
	return nil
}

// keep says why a scheme that was not declared by the API is not deleted.
func (e entry) keep() error {
	way := "is built in and cannot be deleted"
	if e.origin == postback.SchemeFile {
		way = "comes from " + e.from + ": to delete it, remove the file and restart the servers"
	}
	return postback.Failure(postback.CodeConflict, "the scheme %s %s", e.Name(), way)
}

// List describes all schemes, by their names.
func (l *Live) List(ctx context.Context) ([]postback.Scheme, error) {
	if err := l.Refresh(ctx); err != nil {
		return nil, err
	}
	known := l.current.Load().known
	all := make([]postback.Scheme, len(known))
	for i := range known {
		all[i] = known[i].describe()
	}
	return all, nil
}

// Scheme describes one scheme; postback.CodeNotFound.
func (l *Live) Scheme(ctx context.Context, name string) (postback.Scheme, error) {
	if err := l.Refresh(ctx); err != nil {
		return postback.Scheme{}, err
	}
	catalogue := l.current.Load()
	at, found := catalogue.search(name)
	if !found {
		return postback.Scheme{}, postback.Failure(postback.CodeNotFound, "scheme not found")
	}
	return catalogue.known[at].describe(), nil
}

func (e entry) describe() postback.Scheme {
	return postback.Scheme{Name: e.Name(), Description: e.Description(), Source: e.Source(), Methods: e.Methods(), Origin: e.origin}
}

// parseError gives what Parse refuses the form of the domain's errors.
func parseError(err error) error {
	if _, ok := errors.AsType[*signer.Error](err); ok {
		return DomainError(err)
	}
	return postback.Failure(postback.CodeInvalid, "%s", err.Error())
}
