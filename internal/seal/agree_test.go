package seal_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/waybillhq/waybill/internal/seal"
	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
)

// ring makes a keyring of keys that are each one byte again and again; the
// first one seals.
func ring(t *testing.T, keys ...[2]byte) *seal.Keyring {
	t.Helper()
	all := map[uint32][]byte{}
	for _, key := range keys {
		all[uint32(key[0])] = bytes.Repeat(key[1:], 32)
	}
	made, err := seal.NewKeyring(uint32(keys[0][0]), all)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestAgree(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		first  *seal.Keyring
		second *seal.Keyring
		agrees bool
	}{
		{"the same ring", ring(t, [2]byte{1, 7}), ring(t, [2]byte{1, 7}), true},
		{"another key of the same id", ring(t, [2]byte{1, 7}), ring(t, [2]byte{1, 8}), false},
		{"another key of another id", ring(t, [2]byte{1, 7}), ring(t, [2]byte{2, 8}), false},
		{"a new key before the old one", ring(t, [2]byte{1, 7}), ring(t, [2]byte{2, 8}, [2]byte{1, 7}), true},
		{"the old key is gone", ring(t, [2]byte{2, 8}, [2]byte{1, 7}), ring(t, [2]byte{2, 8}), true},
		{"one key of several is another", ring(t, [2]byte{2, 8}, [2]byte{1, 7}), ring(t, [2]byte{2, 8}, [2]byte{1, 9}), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ledger := testkit.OpenLedger(t)
			if err := tt.first.Agree(t.Context(), ledger); err != nil {
				t.Fatalf("the first: %v", err)
			}
			err := tt.second.Agree(t.Context(), ledger)
			if tt.agrees && err != nil || !tt.agrees && postback.CodeOf(err) != seal.CodeForeign {
				t.Errorf("the second: %v", err)
			}
			if err := tt.first.Agree(t.Context(), ledger); err != nil {
				t.Errorf("the first again: %v", err)
			}
		})
	}
}

func TestOfManyRingsAtOnceOneIsTheLedgers(t *testing.T) {
	t.Parallel()
	ledger := testkit.OpenLedger(t)
	var agreed atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		path := filepath.Join(t.TempDir(), "keyring")
		group.Go(func() {
			own, err := seal.Load(path, true)
			if err != nil {
				t.Error(err)
				return
			}
			switch err := own.Agree(t.Context(), ledger); {
			case err == nil:
				agreed.Add(1)
			case postback.CodeOf(err) != seal.CodeForeign || !strings.Contains(err.Error(), "same keyring"):
				t.Errorf("refused with %v", err)
			}
		})
	}
	group.Wait()
	if agreed.Load() != 1 {
		t.Errorf("%d rings were taken, want 1", agreed.Load())
	}
}
