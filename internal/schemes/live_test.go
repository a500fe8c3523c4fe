package schemes_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/schemes"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// memory is a ledger of schemes.
type memory struct {
	mu   sync.Mutex
	list []postback.DeclaredScheme
	down error
}

func (m *memory) SaveScheme(_ context.Context, scheme postback.DeclaredScheme) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, known := range m.there() {
		if known.Name != scheme.Name {
			continue
		}
		if bytes.Equal(known.Declaration, scheme.Declaration) {
			return nil
		}
		return postback.Invalid("name", postback.CodeConflict, "is taken")
	}
	scheme.Revision = int64(len(m.list) + 1)
	m.list = append(m.list, scheme)
	return m.down
}

// there are the schemes that are not deleted, of each the last row.
func (m *memory) there() map[string]postback.DeclaredScheme {
	all := map[string]postback.DeclaredScheme{}
	for _, row := range m.list {
		if all[row.Name] = row; !row.DeletedAt.IsZero() {
			delete(all, row.Name)
		}
	}
	return all
}

func (m *memory) DeleteScheme(_ context.Context, name string, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	scheme, known := m.there()[name]
	if !known {
		return postback.Failure(postback.CodeNotFound, "scheme not found")
	}
	scheme.DeletedAt, scheme.Revision = at, int64(len(m.list)+1)
	m.list = append(m.list, scheme)
	return m.down
}

func (m *memory) SchemesSince(_ context.Context, revision int64) ([]postback.DeclaredScheme, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.list[revision:], m.down
}

// declare is the declaration of acme in JSON, under a name.
func declare(t *testing.T, name string) string {
	t.Helper()
	definition, err := schemes.Parse("acme.yaml", []byte(strings.Replace(acme, "acme", name, 1)))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(definition.Declaration(), "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestLiveTakesSchemes(t *testing.T) {
	t.Parallel()
	ledger := &memory{}
	here, there := schemes.NewLive(load(t), ledger), schemes.NewLive(load(t), ledger)
	if _, err := there.Define("acme"); err == nil {
		t.Fatal("known before it was declared")
	}
	for range 2 {
		made, err := here.Create(t.Context(), []byte(declare(t, "acme")))
		if err != nil || made.Name != "acme" || made.Origin != postback.SchemeAPI {
			t.Fatalf("got %+v, %v", made, err)
		}
	}
	for _, live := range []*schemes.Live{here, there, schemes.NewLive(load(t), ledger)} {
		definition, err := live.Define("acme")
		if err != nil {
			t.Fatal(err)
		}
		if got, want := string(definition.Example("x")), `"id":1.50`; !strings.Contains(got, want) {
			t.Errorf("example %s lacks %s", got, want)
		}
	}
	all, err := here.List(t.Context())
	if err != nil || all[0].Name != "acme" || all[1].Origin != postback.SchemeBuiltIn {
		t.Errorf("got %+v, %v", all, err)
	}
	_, err = here.Define("acmee")
	if refused, ok := errors.AsType[*signer.Error](err); !ok || !strings.Contains(refused.Message, "acme") {
		t.Errorf("got %v", err)
	}
	if _, err := here.Scheme(t.Context(), "acmee"); postback.CodeOf(err) != postback.CodeNotFound {
		t.Errorf("got %v", err)
	}
}

func TestLiveRefuses(t *testing.T) {
	t.Parallel()
	live := schemes.NewLive(load(t), &memory{})
	good := declare(t, "acme")
	if _, err := live.Create(t.Context(), []byte(good)); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, text, field string
		code              postback.Code
	}{
		{"nothing of another name", declare(t, "besitos-x"), "", ""},
		{"name of one that is built in", strings.Replace(good, `"acme"`, `"besitos"`, 1), "name", postback.CodeConflict},
		{"name of one that is shipped", strings.Replace(good, `"acme"`, `"tapjoy"`, 1), "name", postback.CodeConflict},
		{"another under a known name", strings.Replace(good, "sha256", "sha1", 1), "name", postback.CodeConflict},
		{"compile error", strings.Replace(good, "sha256", "sha265", 1), "algorithm", signer.CodeDeclaration},
		{"what is missing", strings.Replace(good, `"part": "body"`, `"part": "field"`, 1), "parts[0].field", signer.CodeDeclaration},
		{"unknown setting", strings.Replace(good, `"algorithm"`, `"algorithms"`, 1), "", signer.CodeDeclaration},
		{"wrong type", strings.Replace(good, `"POST"`, `1`, 1), "methods[0]", signer.CodeDeclaration},
		{"no JSON", "{", "", postback.CodeInvalid},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := live.Create(t.Context(), []byte(test.text))
			if test.code == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			refused, ok := errors.AsType[*postback.Error](err)
			if !ok || refused.Code != test.code || refused.Field != test.field {
				t.Errorf("got %v", err)
			}
		})
	}
}

// PHP escapes slashes, and others every character beyond ASCII.
func TestJSONMayEscape(t *testing.T) {
	t.Parallel()
	text := strings.Replace(declare(t, "acme"), `"name": "acme",`, `"name": "acme", "source": "https:\/\/example.com\/\ud83d\ude00 \"\u003c\\",`, 1)
	definition, err := schemes.Parse("f.json", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := definition.Source(), "https://example.com/\U0001F600 \"<\\"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What is wrong in the ledger is named, and hides nothing else.
func TestLiveNamesWhatCannotBeUsed(t *testing.T) {
	t.Parallel()
	ledger := &memory{list: []postback.DeclaredScheme{
		{Name: "old", Declaration: json.RawMessage(`{"name":"old"}`), Revision: 1},
		{Name: "tapjoy", Declaration: json.RawMessage(declare(t, "tapjoy")), Revision: 2},
		{Name: "acme", Declaration: json.RawMessage(declare(t, "acme")), Revision: 3},
	}}
	live := schemes.NewLive(load(t), ledger)
	for range 2 {
		if err := live.Refresh(t.Context()); err != nil {
			t.Fatalf("it stops the server: %v", err)
		}
	}
	warnings := live.Warnings()
	if len(warnings) != 2 || !strings.Contains(warnings[0].Err.Error(), "the ledger's scheme old:1: ") ||
		!strings.Contains(warnings[1].Err.Error(), "the ledger has a scheme tapjoy, which is used instead of") {
		t.Errorf("got %v", warnings)
	}
	if _, err := live.Define("old"); err == nil || !strings.Contains(err.Error(), "the ledger's scheme old:1: ") {
		t.Errorf("got %v", err)
	}
	if got, err := live.Scheme(t.Context(), "tapjoy"); err != nil || got.Origin != postback.SchemeAPI {
		t.Errorf("the ledger's declaration does not win: %+v, %v", got, err)
	}
	if all, err := live.List(t.Context()); err != nil || len(all) == 0 {
		t.Errorf("got %v, %v", all, err)
	}
	if _, err := live.Define("acme"); err != nil {
		t.Error(err)
	}
	ledger.down = errors.New("away")
	if _, err := live.Define("other"); !errors.Is(err, ledger.down) {
		t.Errorf("got %v", err)
	}
	if _, err := live.Define("acme"); err != nil {
		t.Error(err)
	}
}

// A promise that endpoints cannot have was once taken. Their deliveries go on.
func TestLiveUsesSchemesThatPromiseTooMuch(t *testing.T) {
	t.Parallel()
	text := strings.Replace(declare(t, "acme"), `"place"`, `"backoff": {"initial": "1s", "multiplier": 2, "max_interval": "1h", "max_attempts": 500}, "place"`, 1)
	live := schemes.NewLive(load(t), &memory{list: []postback.DeclaredScheme{{Name: "acme", Declaration: json.RawMessage(text), Revision: 1}}})
	if err := live.Refresh(t.Context()); err != nil {
		t.Fatalf("it stops the server: %v", err)
	}
	if _, err := live.Define("acme"); err != nil {
		t.Error(err)
	}
	warnings := live.Warnings()
	if len(warnings) != 1 || !strings.Contains(warnings[0].Err.Error(), "backoff.max_attempts: must be between 1 and 100, not 500") {
		t.Errorf("got %v", warnings)
	}
	if _, err := live.Create(t.Context(), []byte(strings.Replace(text, `"acme"`, `"acme2"`, 1))); postback.CodeOf(err) != signer.CodeDeclaration {
		t.Errorf("got %v", err)
	}
}

// So were headers that are longer than may be declared now.
func TestLiveUsesSchemesWithLongHeaders(t *testing.T) {
	t.Parallel()
	text := strings.Replace(declare(t, "acme"), `"place"`, `"headers": [{"name": "X-Long", "value": "literal", "text": "`+strings.Repeat("x", 9000)+`"}], "place"`, 1)
	live := schemes.NewLive(load(t), &memory{list: []postback.DeclaredScheme{{Name: "acme", Declaration: json.RawMessage(text), Revision: 1}}})
	if err := live.Refresh(t.Context()); err != nil {
		t.Fatalf("it stops the server: %v", err)
	}
	if _, err := live.Scheme(t.Context(), "acme"); err != nil {
		t.Error(err)
	}
	warnings := live.Warnings()
	if len(warnings) != 1 || !strings.Contains(warnings[0].Err.Error(), "headers: are longer than 8192 bytes") || !strings.Contains(warnings[0].Err.Error(), "declare it anew") {
		t.Errorf("got %v", warnings)
	}
	if _, err := live.Create(t.Context(), []byte(strings.Replace(text, `"acme"`, `"acme2"`, 1))); postback.CodeOf(err) != signer.CodeDeclaration {
		t.Errorf("got %v", err)
	}
}

func TestLiveDeletesSchemes(t *testing.T) {
	t.Parallel()
	ledger := &memory{}
	here, there := schemes.NewLive(load(t), ledger), schemes.NewLive(load(t), ledger)
	if _, err := here.Create(t.Context(), []byte(declare(t, "acme"))); err != nil {
		t.Fatal(err)
	}
	if _, revision, err := there.DefineRevision("acme"); err != nil || revision != 1 {
		t.Fatalf("revision %d, %v", revision, err)
	}
	if err := here.Delete(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	if err := there.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, live := range []*schemes.Live{here, there, schemes.NewLive(load(t), ledger)} {
		if _, err := live.Define("acme"); err == nil {
			t.Error("a deleted scheme is offered")
		}
		if _, err := live.Scheme(t.Context(), "acme"); postback.CodeOf(err) != postback.CodeNotFound {
			t.Errorf("got %v", err)
		}
	}
	if err := here.Delete(t.Context(), "acme"); postback.CodeOf(err) != postback.CodeNotFound {
		t.Errorf("deleted again: %v", err)
	}
	changed := strings.Replace(declare(t, "acme"), "sha256", "sha1", 1)
	if _, err := here.Create(t.Context(), []byte(changed)); err != nil {
		t.Fatalf("another declaration under the name of a deleted one: %v", err)
	}
	if err := there.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if definition, revision, err := there.DefineRevision("acme"); err != nil || revision != 3 || !strings.HasSuffix(definition.Declaration().Algorithm, "sha1") {
		t.Errorf("declared anew it is revision %d, %v", revision, err)
	}
}

func TestLiveKeepsSchemesThatWereNotDeclared(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "acme.json"), []byte(declare(t, "acme")), 0o600); err != nil {
		t.Fatal(err)
	}
	live := schemes.NewLive(load(t, dir), &memory{})
	for name, says := range map[string]string{"besitos": "is built in", "tapjoy": "is built in", "acme": "acme.json: to delete it, remove the file"} {
		err := live.Delete(t.Context(), name)
		if postback.CodeOf(err) != postback.CodeConflict || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := live.Delete(t.Context(), "nope"); postback.CodeOf(err) != postback.CodeNotFound {
		t.Errorf("got %v", err)
	}
}

// A network that a release ships is used when the declaration that hid it is deleted.
func TestDeletingUncoversWhatWasHidden(t *testing.T) {
	t.Parallel()
	ledger := &memory{list: []postback.DeclaredScheme{
		{Name: "tapjoy", Declaration: json.RawMessage(declare(t, "tapjoy")), Revision: 1},
		{Name: "old", Declaration: json.RawMessage(`{"name":"old"}`), Revision: 2},
	}}
	live := schemes.NewLive(load(t), ledger)
	if err := live.Refresh(t.Context()); err != nil || len(live.Warnings()) != 2 {
		t.Fatalf("warned of %v, %v", live.Warnings(), err)
	}
	for _, name := range []string{"tapjoy", "old"} {
		if err := live.Delete(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := live.Scheme(t.Context(), "tapjoy"); err != nil || got.Origin != postback.SchemeBuiltIn || !strings.Contains(got.Description, "verifier") {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, revision, err := live.DefineRevision("tapjoy"); err != nil || revision != 0 {
		t.Errorf("revision %d, %v", revision, err)
	}
	if warnings := live.Warnings(); len(warnings) != 0 {
		t.Errorf("still warned of %v", warnings)
	}
}
