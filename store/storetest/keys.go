package storetest

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/waybillhq/waybill/postback"
)

func keyTests() []test {
	return []test{
		{"are found by their hash", keyFound},
		{"are found when they are revoked", keyRevoked},
		{"are listed, newest first", keyListed},
		{"are not known by another hash", keyUnknown},
		{"do not share a hash", keyShared},
		{"are revoked once", keyRevokedOnce},
		{"are never all revoked admin keys", keyLastAdmin},
		{"leave one admin key when two are revoked at once", keyLastTwo},
	}
}

func keyFound(k kit) {
	key := Key("key_1", postback.RolePublisher)
	key.Publisher = "pub_1"
	k.must(k.SaveKey(k.ctx(), key))
	k.must(k.SaveKey(k.ctx(), Key("key_2", postback.RoleAdmin)))
	found, err := k.KeyByHash(k.ctx(), key.Hash)
	k.must(err)
	same(k, "key", found, key)
}

func keyRevoked(k kit) {
	key := Key("key_1", postback.RoleAdmin)
	k.must(k.SaveKey(k.ctx(), key))
	key.Name, key.RevokedAt = "renamed", After(time.Hour)
	k.must(k.SaveKey(k.ctx(), key))
	found, err := k.KeyByHash(k.ctx(), key.Hash)
	k.must(err)
	same(k, "key", found, key)
}

func keyListed(k kit) {
	var want []postback.APIKey
	for i, id := range []string{"key_b", "key_a", "key_c"} {
		key := Key(id, postback.RoleViewer)
		key.CreatedAt = After(time.Duration(i) * time.Second)
		k.must(k.SaveKey(k.ctx(), key))
		want = append([]postback.APIKey{key}, want...)
	}
	found, err := k.Keys(k.ctx())
	k.must(err)
	same(k, "keys", found, want)
}

func keyUnknown(k kit) {
	k.must(k.SaveKey(k.ctx(), Key("key_1", postback.RoleAdmin)))
	for _, hash := range [][]byte{nil, {}, []byte("key_1")} {
		_, err := k.KeyByHash(k.ctx(), hash)
		k.fails(err, postback.CodeNotFound)
	}
}

func keyShared(k kit) {
	key := Key("key_1", postback.RoleAdmin)
	k.must(k.SaveKey(k.ctx(), key))
	key.ID = "key_2"
	k.fails(k.SaveKey(k.ctx(), key), postback.CodeConflict)
}

func keyRevokedOnce(k kit) {
	key := Key("key_1", postback.RoleViewer)
	k.must(k.SaveKey(k.ctx(), key))
	k.must(k.RevokeKey(k.ctx(), key.ID, After(time.Hour)))
	k.must(k.RevokeKey(k.ctx(), key.ID, After(2*time.Hour)))
	key.RevokedAt = After(time.Hour)
	found, err := k.KeyByHash(k.ctx(), key.Hash)
	k.must(err)
	same(k, "key", found, key)
	k.fails(k.RevokeKey(k.ctx(), "key_2", Noon()), postback.CodeNotFound)
}

func keyLastAdmin(k kit) {
	for _, id := range []string{"key_1", "key_2"} {
		k.must(k.SaveKey(k.ctx(), Key(id, postback.RoleAdmin)))
	}
	k.must(k.SaveKey(k.ctx(), Key("key_3", postback.RoleViewer)))
	k.must(k.RevokeKey(k.ctx(), "key_1", Noon()))
	k.fails(k.RevokeKey(k.ctx(), "key_2", Noon()), postback.CodeConflict)
	k.must(k.RevokeKey(k.ctx(), "key_1", Noon())) // it was revoked before
	k.must(k.RevokeKey(k.ctx(), "key_3", Noon()))
}

func keyLastTwo(k kit) {
	for round := range 20 {
		pair := []string{fmt.Sprintf("key_%d_a", round), fmt.Sprintf("key_%d_b", round)}
		for _, id := range pair {
			k.must(k.SaveKey(k.ctx(), Key(id, postback.RoleAdmin)))
		}
		for _, id := range k.admins() {
			if !slices.Contains(pair, id) { // the one that was left over
				k.must(k.RevokeKey(k.ctx(), id, Noon()))
			}
		}
		var group sync.WaitGroup
		for _, id := range pair {
			group.Go(func() { _ = k.RevokeKey(k.ctx(), id, Noon()) })
		}
		group.Wait()
		if left := k.admins(); len(left) != 1 {
			k.Fatalf("%d admin keys are left: %v", len(left), left)
		}
	}
}

// admins are the ids of the admin keys that are not revoked.
func (k kit) admins() []string {
	k.Helper()
	keys, err := k.Keys(k.ctx())
	k.must(err)
	var found []string
	for _, key := range keys {
		if key.Role == postback.RoleAdmin && key.RevokedAt.IsZero() {
			found = append(found, key.ID)
		}
	}
	return found
}
