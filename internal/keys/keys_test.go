package keys_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/waybillhq/waybill/internal/keys"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCreateChecksTheRole(t *testing.T) {
	t.Parallel()
	tests := []struct {
		role      postback.Role
		publisher string
		field     string // of the refusal; empty when it is good
	}{
		{postback.RoleAdmin, "", ""},
		{postback.RoleProducer, "", ""},
		{postback.RoleViewer, "", ""},
		{postback.RolePublisher, "pub_1", ""},
		{postback.RolePublisher, "", "publisher"},
		{postback.RolePublisher, postback.Operator, "publisher"},
		{postback.RoleAdmin, "pub_1", "publisher"},
		{postback.RoleProducer, "pub_1", "publisher"},
		{postback.RoleViewer, "pub_1", "publisher"},
		{"", "", "role"},
		{"Admin", "", "role"},
		{"root", "pub_1", "role"},
	}
	made := keys.New(testkit.OpenLedger(t))
	for _, tt := range tests {
		key, text, err := made.Create(t.Context(), "a name", tt.role, tt.publisher)
		if tt.field == "" {
			if err != nil || key.Role != tt.role || key.Publisher != tt.publisher || key.Name != "a name" || text == "" {
				t.Errorf("%s for %q: got %+v, %v", tt.role, tt.publisher, key, err)
			}
			continue
		}
		var refused *postback.Error
		if !errors.As(err, &refused) || refused.Field != tt.field || text != "" {
			t.Errorf("%s for %q: got %v, want field %s refused", tt.role, tt.publisher, err, tt.field)
		}
	}
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	ledger := testkit.OpenLedger(t)
	made := keys.New(ledger)
	key, text := create(t, made, postback.RolePublisher, "pub_1")
	other, otherText := create(t, made, postback.RoleViewer, "")
	for range 2 { // from the ledger, then from memory
		expectKey(t, made, text, key)
		expectKey(t, made, otherText, other)
	}
	for _, wrong := range []string{"", "wbk_", text[:len(text)-1], text + "A", strings.ToUpper(text), " " + text, strings.TrimPrefix(text, "wbk_")} {
		if got, err := made.Authenticate(t.Context(), wrong, somebody()); postback.CodeOf(err) != postback.CodeUnauthorized || got.ID != "" {
			t.Errorf("%q: got %+v, %v", wrong, got, err)
		}
	}
	listed, err := made.List(t.Context())
	if err != nil || len(listed) != 2 {
		t.Fatalf("listed %d keys, %v", len(listed), err)
	}
	for _, one := range listed {
		if len(one.Hash) != 32 || bytes.Contains(one.Hash, []byte(text)) || strings.Contains(one.ID+one.Name, text) {
			t.Errorf("the ledger keeps the key itself: %+v", one)
		}
	}
}

func TestTextsAreHardToGuess(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 100 {
		text := keys.NewText()
		if !strings.HasPrefix(text, "wbk_") || len(text) < len("wbk_")+43 || seen[text] {
			t.Errorf("got %q", text)
		}
		seen[text] = true
	}
}

func TestReadText(t *testing.T) {
	t.Parallel()
	text := keys.NewText()
	for content, want := range map[string]string{text: text, text + "\n": text, "": "", "something else\n": ""} {
		path := filepath.Join(t.TempDir(), "admin.key")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := keys.ReadText(path)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v", content, got, err)
		}
		if err != nil && content != "" && strings.Contains(err.Error(), strings.TrimSpace(content)) {
			t.Errorf("the error repeats the file: %v", err)
		}
	}
	if _, err := keys.ReadText(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	ledger := testkit.OpenLedger(t)
	made := keys.New(ledger)
	admin, adminText := create(t, made, postback.RoleAdmin, "")
	producer, text := create(t, made, postback.RoleProducer, "")
	if err := made.Revoke(t.Context(), producer.ID); err != nil {
		t.Fatal(err)
	}
	if err := made.Revoke(t.Context(), producer.ID); err != nil {
		t.Errorf("revoked again: %v", err)
	}
	if _, err := made.Authenticate(t.Context(), text, somebody()); postback.CodeOf(err) != postback.CodeUnauthorized {
		t.Errorf("a revoked key that was never used: %v", err)
	}
	if err := made.Revoke(t.Context(), "key_unknown"); postback.CodeOf(err) != postback.CodeNotFound {
		t.Errorf("an unknown key: %v", err)
	}
	if err := made.Revoke(t.Context(), admin.ID); postback.CodeOf(err) != postback.CodeConflict {
		t.Errorf("the last admin key: %v", err)
	}
	expectKey(t, made, adminText, admin)
	second, _ := create(t, made, postback.RoleAdmin, "")
	if err := made.Revoke(t.Context(), admin.ID); err != nil {
		t.Errorf("one of two admin keys: %v", err)
	}
	if err := made.Revoke(t.Context(), second.ID); postback.CodeOf(err) != postback.CodeConflict {
		t.Errorf("the last admin key, beside a revoked one: %v", err)
	}
}

func TestAnAdminKeyStaysHoweverManyAreRevokedAtOnce(t *testing.T) {
	t.Parallel()
	const count = 8
	ledger := testkit.OpenLedger(t)
	made := keys.New(ledger)
	var ids []string
	for range count {
		key, _ := create(t, made, postback.RoleAdmin, "")
		ids = append(ids, key.ID)
	}
	var group sync.WaitGroup
	for _, id := range ids {
		process := keys.New(ledger) // each as in a process of its own
		group.Go(func() {
			if err := process.Revoke(t.Context(), id); err != nil && postback.CodeOf(err) != postback.CodeConflict {
				t.Errorf("revoke: %v", err)
			}
		})
	}
	group.Wait()
	listed, err := made.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	left := 0
	for _, key := range listed {
		if key.RevokedAt.IsZero() {
			left++
		}
	}
	if left != 1 {
		t.Errorf("%d admin keys are left, want 1", left)
	}
}

func TestARevokedKeyStopsWithinASecondEverywhere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ledger := &memory{}
		here, elsewhere := keys.New(ledger), keys.New(ledger)
		create(t, here, postback.RoleAdmin, "")
		key, text := create(t, here, postback.RoleProducer, "")
		expectKey(t, elsewhere, text, key)
		if err := here.Revoke(t.Context(), key.ID); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Second)
		if _, err := elsewhere.Authenticate(t.Context(), text, somebody()); postback.CodeOf(err) != postback.CodeUnauthorized {
			t.Errorf("a second after it was revoked: %v", err)
		}
	})
}

func TestAGoodKeyIsLookedUpOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ledger := &memory{}
		made := keys.New(ledger)
		key, text := create(t, made, postback.RoleProducer, "")
		for range 3 {
			for range 1000 {
				expectKey(t, made, text, key)
			}
			<-time.After(time.Second)
		}
		if ledger.lookups != 3 {
			t.Errorf("looked up %d times in three seconds", ledger.lookups)
		}
		ledger.away = errors.New("the disk is gone")
		_, err := made.Authenticate(t.Context(), text, somebody())
		if !errors.Is(err, ledger.away) || postback.CodeOf(err) == postback.CodeUnauthorized {
			t.Errorf("with the ledger away: %v, which must not read as a bad key", err)
		}
	})
}

func TestMemoryOfGoodKeysIsBounded(t *testing.T) {
	t.Parallel()
	ledger := &memory{anyKey: true}
	made := keys.New(ledger)
	for range 10_100 {
		if _, err := made.Authenticate(t.Context(), keys.NewText(), somebody()); err != nil {
			t.Fatal(err)
		}
	}
	if held := made.Trusted(); held > 10_000 {
		t.Errorf("%d keys are held in memory", held)
	}
}

func create(t *testing.T, made *keys.Keys, role postback.Role, publisher string) (postback.APIKey, string) {
	t.Helper()
	key, text, err := made.Create(t.Context(), "a name", role, publisher)
	if err != nil {
		t.Fatalf("create key: %v", err)
	}
	return key, text
}

func expectKey(t *testing.T, made *keys.Keys, text string, want postback.APIKey) {
	t.Helper()
	got, err := made.Authenticate(t.Context(), text, somebody())
	if err != nil || got.ID != want.ID || got.Role != want.Role || got.Publisher != want.Publisher {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

// memory is a ledger of keys for tests that need no real time.
type memory struct {
	mu      sync.Mutex
	keys    []postback.APIKey
	lookups int
	lists   int
	away    error
	anyKey  bool
}

func (m *memory) SaveKey(_ context.Context, key postback.APIKey) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.keys {
		if m.keys[i].ID == key.ID {
			m.keys[i] = key
			return nil
		}
	}
	m.keys = append(m.keys, key)
	return nil
}

func (m *memory) KeyByHash(_ context.Context, hash []byte) (postback.APIKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lookups++
	for _, key := range m.keys {
		if m.away == nil && bytes.Equal(key.Hash, hash) {
			return key, nil
		}
	}
	if m.away != nil || m.anyKey {
		return postback.APIKey{ID: "any"}, m.away
	}
	return postback.APIKey{}, postback.Failure(postback.CodeNotFound, "key not found")
}

func (m *memory) Keys(context.Context) ([]postback.APIKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lists++
	return slices.Clone(m.keys), m.away
}

func (m *memory) RevokeKey(_ context.Context, id string, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.keys {
		if m.keys[i].ID == id {
			m.keys[i].RevokedAt = at
		}
	}
	return nil
}
