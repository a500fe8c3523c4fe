package seal_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/waybillhq/waybill/internal/seal"
	"github.com/waybillhq/waybill/postback"
)

func newFile(t *testing.T) (string, *seal.Keyring) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keyring")
	ring, err := seal.Load(path, true)
	if err != nil {
		t.Fatal(err)
	}
	return path, ring
}

func TestSealedSecretOpensOnlyInItsPlace(t *testing.T) {
	t.Parallel()
	path, ring := newFile(t)
	sealed := ring.Seal(postback.NewSecret("hunter2hunter2"), "ep_1", 3)
	if bytes.Contains(sealed, []byte("hunter2")) {
		t.Fatal("the sealed bytes hold the secret")
	}
	again, err := seal.Load(path, false)
	if err != nil {
		t.Fatal(err)
	}
	if opened, err := again.Open(sealed, "ep_1", 3); err != nil || opened.Reveal() != "hunter2hunter2" {
		t.Fatalf("Open = %q, %v", opened.Reveal(), err)
	}
	_, other := newFile(t)
	changed := bytes.Clone(sealed)
	changed[len(changed)-1] ^= 1
	for name, open := range map[string]func() (postback.Secret, error){
		"another endpoint": func() (postback.Secret, error) { return ring.Open(sealed, "ep_2", 3) },
		"another version":  func() (postback.Secret, error) { return ring.Open(sealed, "ep_1", 4) },
		"another key":      func() (postback.Secret, error) { return other.Open(sealed, "ep_1", 3) },
		"changed bytes":    func() (postback.Secret, error) { return ring.Open(changed, "ep_1", 3) },
		"cut short":        func() (postback.Secret, error) { return ring.Open(sealed[:9], "ep_1", 3) },
		"nothing":          func() (postback.Secret, error) { return ring.Open(nil, "ep_1", 3) },
	} {
		if _, err := open(); postback.CodeOf(err) != seal.CodeSealed {
			t.Errorf("%s: error %v, want code %s", name, err, seal.CodeSealed)
		}
	}
}

func TestEveryKeyOpensAndTheFirstSeals(t *testing.T) {
	t.Parallel()
	path, old := newFile(t)
	sealed := old.Seal(postback.NewSecret("of the old key"), "ep_1", 1)
	line, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	both := "keys:2 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=," + strings.TrimSpace(string(line))
	ring, err := seal.Load(both, false)
	if err != nil {
		t.Fatal(err)
	}
	if opened, err := ring.Open(sealed, "ep_1", 1); err != nil || opened.Reveal() != "of the old key" {
		t.Errorf("the old key does not open: %v", err)
	}
	fresh := ring.Seal(postback.NewSecret("of the new key"), "ep_1", 2)
	if _, err := old.Open(fresh, "ep_1", 2); err == nil || !strings.Contains(err.Error(), "key 2") {
		t.Errorf("error %v does not name the key that is missing", err)
	}
}

func TestConcurrentFirstStartsAgreeOnOneKeyring(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyring")
	var group sync.WaitGroup
	sealed := make([][]byte, 16)
	for i := range sealed {
		group.Go(func() {
			ring, err := seal.Load(path, true)
			if err != nil {
				t.Error(err)
				return
			}
			sealed[i] = ring.Seal(postback.NewSecret("shared"), "ep_1", 1)
		})
	}
	group.Wait()
	ring, err := seal.Load(path, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range sealed {
		if _, err := ring.Open(one, "ep_1", 1); err != nil {
			t.Error(err)
		}
	}
}

func TestLoadRefusesWhatItCannotTrust(t *testing.T) {
	t.Parallel()
	write := func(content string, mode os.FileMode) string {
		path := filepath.Join(t.TempDir(), "keyring")
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := "1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
	for name, test := range map[string]struct{ setting, want string }{
		"missing":      {filepath.Join(t.TempDir(), "none"), "backup"},
		"public":       {write(good, 0o644), "chmod 600"},
		"empty":        {write("# nothing\n", 0o600), "no key"},
		"short":        {write("1 AAEC\n", 0o600), "line 1"},
		"no number":    {write("x AAEC\n", 0o600), "line 1"},
		"twice":        {write(good+good, 0o600), "twice"},
		"inline short": {"keys:1 AAEC", "32 bytes"},
	} {
		_, err := seal.Load(test.setting, false)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one that says %q", name, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "AAEC") {
			t.Errorf("%s: error %v shows the key", name, err)
		}
	}
}
