package schemes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// Ledger keeps the schemes that were declared by the API.
type Ledger interface {
	// SaveScheme writes a new scheme; another declaration under a name that is
	// there is postback.CodeConflict.
	SaveScheme(ctx context.Context, scheme postback.DeclaredScheme) error
	// SchemesSince returns the schemes whose Revision is greater, in its order.
	SchemesSince(ctx context.Context, revision int64) ([]postback.DeclaredScheme, error)
}

// missTimeout bounds the look into the ledger for a name that is not known.
const missTimeout = 5 * time.Second

// Live is a catalogue together with the ledger's schemes. A scheme is only ever
// added. It is safe for concurrent use.
type Live struct {
	ledger  Ledger
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
	l := &Live{ledger: ledger, now: time.Now}
	l.current.Store(loaded)
	return l
}

// Refresh takes in the schemes that were declared since the last call. A scheme
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
		if err := next.take(scheme); err != nil {
			l.warn(scheme.Name, err)
		}
		l.revision = scheme.Revision
	}
	l.current.Store(next)
	return nil
}

// take puts a scheme of the ledger into the catalogue. The error says that it
// cannot be used, or what it hides.
func (c *Catalogue) take(scheme postback.DeclaredScheme) error {
	from := "the ledger's scheme " + scheme.Name
	definition, err := Parse(from, scheme.Declaration)
	if err != nil {
		return err
	}
	taken := entry{definition, from, postback.SchemeAPI}
	at, found := c.search(scheme.Name)
	if !found {
		c.known = slices.Insert(c.known, at, taken)
		return nil
	}
	hidden := c.known[at]
	c.known[at] = taken
	if hidden.origin == postback.SchemeAPI {
		return nil
	}
	return fmt.Errorf("the ledger has a scheme %s, which is used instead of the one from %s", scheme.Name, hidden.from)
}

func (l *Live) warn(scheme string, err error) {
	l.warned.Lock()
	defer l.warned.Unlock()
	l.warnings = append(l.warnings, Warning{Scheme: scheme, Err: err})
}

// Warnings are those of all schemes that were taken in so far.
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
	if definition, err := l.current.Load().Define(name); err == nil {
		return definition, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), missTimeout)
	defer cancel()
	failed := l.Refresh(ctx)
	definition, err := l.current.Load().Define(name)
	if err == nil {
		return definition, nil
	}
	if failed == nil {
		failed = l.unusable(name)
	}
	if failed != nil {
		return nil, failed
	}
	return nil, err
}

// Create keeps a new scheme, declared in JSON. The same declaration again is no
// error; a name that is taken is postback.CodeConflict. Other domain errors name
// the member of the declaration that is wrong, such as "parts[2].field".
func (l *Live) Create(ctx context.Context, declaration []byte) (postback.Scheme, error) {
	definition, err := Parse("declaration.json", declaration)
	if err != nil {
		return postback.Scheme{}, domainError(err)
	}
	name := definition.Name()
	loaded := l.current.Load()
	if at, taken := loaded.search(name); taken && loaded.known[at].origin != postback.SchemeAPI {
		return postback.Scheme{}, postback.Invalid("name", postback.CodeConflict,
			"there is a scheme %s already, from %s; choose another name", name, loaded.known[at].from)
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
		return postback.Scheme{}, postback.Failure(postback.CodeNotFound, "there is no such scheme")
	}
	return catalogue.known[at].describe(), nil
}

func (e entry) describe() postback.Scheme {
	return postback.Scheme{Name: e.Name(), Description: e.Description(), Source: e.Source(), Methods: e.Methods(), Origin: e.origin}
}

// domainError gives what Parse refuses the form of the domain's errors.
func domainError(err error) error {
	if refused, ok := errors.AsType[*signer.Error](err); ok {
		return &postback.Error{Code: postback.Code(refused.Code), Field: refused.Field, Message: refused.Message}
	}
	return postback.Failure(postback.CodeInvalid, "%s", err.Error())
}
