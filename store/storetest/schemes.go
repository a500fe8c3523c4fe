package storetest

import (
	"encoding/json"
	"time"

	"github.com/waybillhq/waybill/postback"
)

func schemeTests() []test {
	return []test{
		{"are listed as they were declared", schemesListed},
		{"never change", schemeKept},
	}
}

func schemesListed(k kit) {
	none, err := k.SchemesSince(k.ctx(), 0)
	k.must(err)
	same(k, "number of schemes", len(none), 0)
	want := []postback.DeclaredScheme{
		{Name: "b", Declaration: json.RawMessage(`{"name":"b", "n":1.50}`), CreatedAt: After(time.Hour)},
		{Name: "a", Declaration: json.RawMessage(`{"name":"a"}`), CreatedAt: Noon()},
	}
	for i := range want {
		k.must(k.SaveScheme(k.ctx(), want[i]))
		since, err := k.SchemesSince(k.ctx(), 0)
		k.must(err)
		same(k, "number of schemes", len(since), i+1)
		want[i].Revision = since[i].Revision
		same(k, "schemes", since, want[:i+1])
	}
	later, err := k.SchemesSince(k.ctx(), want[0].Revision)
	k.must(err)
	same(k, "later schemes", later, want[1:])
}

func schemeKept(k kit) {
	scheme := postback.DeclaredScheme{Name: "a", Declaration: json.RawMessage(`{"name":"a"}`), CreatedAt: Noon()}
	k.must(k.SaveScheme(k.ctx(), scheme))
	before, err := k.SchemesSince(k.ctx(), 0)
	k.must(err)
	scheme.CreatedAt = After(time.Hour)
	k.must(k.SaveScheme(k.ctx(), scheme))
	scheme.Declaration = json.RawMessage(`{"name":"a","methods":["GET"]}`)
	k.fails(k.SaveScheme(k.ctx(), scheme), postback.CodeConflict)
	after, err := k.SchemesSince(k.ctx(), 0)
	k.must(err)
	same(k, "schemes", after, before)
}
