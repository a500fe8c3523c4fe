package schemes_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

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
	for _, known := range m.list {
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
