package storetest

import (
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
