package storetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/waybillhq/waybill/postback"
)

func schemeTests() []test {
	return []test{
		{"are listed as they were declared", schemesListed},
		{"never change", schemeKept},
		{"are deleted, and declared anew", schemeDeleted},
		{"are not deleted while endpoints use them", schemeInUse},
		{"get no endpoint once they are deleted", schemeGone},
		{"are deleted or get an endpoint, not both", schemeRaced},
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

// acme is a scheme that was declared, with its revision.
func (k kit) acme(declaration string) postback.DeclaredScheme {
	k.Helper()
	k.must(k.SaveScheme(k.ctx(), postback.DeclaredScheme{Name: "acme", Declaration: json.RawMessage(declaration), CreatedAt: Noon()}))
	all, err := k.SchemesSince(k.ctx(), 0)
	k.must(err)
	return all[len(all)-1]
}

// using is a new endpoint of a declared scheme.
func using(id string, scheme postback.DeclaredScheme) postback.Endpoint {
	endpoint := Endpoint(id)
	endpoint.Scheme, endpoint.SchemeRevision = scheme.Name, scheme.Revision
	return endpoint
}

func schemeDeleted(k kit) {
	k.fails(k.DeleteScheme(k.ctx(), "acme", Noon()), postback.CodeNotFound)
	first := k.acme(`{"name":"acme"}`)
	k.must(k.SaveScheme(k.ctx(), postback.DeclaredScheme{Name: "other", Declaration: json.RawMessage(`{}`), CreatedAt: Noon()}))
	k.must(k.DeleteScheme(k.ctx(), "acme", After(time.Hour)))
	since, err := k.SchemesSince(k.ctx(), first.Revision)
	k.must(err)
	want := first
	want.DeletedAt = After(time.Hour)
	if len(since) != 2 || since[1].Revision <= since[0].Revision {
		k.Fatalf("since then %+v", since)
	}
	want.Revision = since[1].Revision
	same(k, "deleted", since[1], want)
	k.fails(k.DeleteScheme(k.ctx(), "acme", After(time.Hour)), postback.CodeNotFound)
	again := k.acme(`{"name":"acme","methods":["GET"]}`)
	if again.Name != "acme" || again.Revision <= want.Revision {
		k.Errorf("declared anew: %+v", again)
	}
	same(k, "declared anew", again, postback.DeclaredScheme{
		Name: "acme", Declaration: json.RawMessage(`{"name":"acme","methods":["GET"]}`), CreatedAt: Noon(), Revision: again.Revision,
	})
}

func schemeInUse(k kit) {
	scheme := k.acme(`{"name":"acme"}`)
	k.save(Endpoint("ep_of_another"))
	var made []postback.Endpoint
	for i := range 7 {
		made = append(made, k.save(using(fmt.Sprintf("ep_%d", i), scheme)))
	}
	err := k.DeleteScheme(k.ctx(), "acme", Noon())
	k.fails(err, postback.CodeConflict)
	for _, part := range []string{"7 endpoints", "ep_0", "ep_4", "2 more"} {
		if !strings.Contains(err.Error(), part) {
			k.Errorf("%q does not say %q", err, part)
		}
	}
	for _, endpoint := range made[1:] {
		k.remove(endpoint)
	}
	if err = k.DeleteScheme(k.ctx(), "acme", Noon()); err == nil || !strings.Contains(err.Error(), "1 endpoint ") || !strings.Contains(err.Error(), "ep_0") {
		k.Errorf("one is left: %v", err)
	}
	k.remove(made[0])
	k.must(k.DeleteScheme(k.ctx(), "acme", Noon()))
}

func schemeGone(k kit) {
	scheme := k.acme(`{"name":"acme"}`)
	k.must(k.DeleteScheme(k.ctx(), "acme", Noon()))
	_, err := k.SaveEndpoint(k.ctx(), using("ep_1", scheme))
	k.fails(err, postback.CodeConflict)
	again := k.acme(`{"name":"acme","methods":["GET"]}`)
	_, err = k.SaveEndpoint(k.ctx(), using("ep_1", scheme)) // it was checked with another declaration
	k.fails(err, postback.CodeConflict)
	saved := k.save(using("ep_1", again))
	same(k, "the scheme's revision as it is kept", saved.SchemeRevision, int64(0))
	saved.Description, saved.SchemeRevision = "changed", scheme.Revision
	k.save(saved) // it is the scheme's already
	k.must(k.SaveScheme(k.ctx(), postback.DeclaredScheme{Name: "brief", Declaration: json.RawMessage(`{}`), CreatedAt: Noon()}))
	k.must(k.DeleteScheme(k.ctx(), "brief", Noon()))
	k.save(using("ep_2", postback.DeclaredScheme{Name: "brief"})) // which a file brings now
}

func schemeRaced(k kit) {
	const rounds = 25
	for round := range rounds {
		scheme := k.acme(fmt.Sprintf(`{"name":"acme","description":"%d"}`, round))
		id := fmt.Sprintf("ep_%d", round)
		var made postback.Endpoint
		var saveErr, deleteErr error
		together(2, func(i int) {
			if i == 0 {
				made, saveErr = k.SaveEndpoint(k.ctx(), using(id, scheme))
			} else {
				deleteErr = k.DeleteScheme(k.ctx(), "acme", Noon())
			}
		})
		switch {
		case saveErr == nil && postback.CodeOf(deleteErr) == postback.CodeConflict:
			k.remove(made)
			k.must(k.DeleteScheme(k.ctx(), "acme", Noon()))
		case deleteErr != nil || postback.CodeOf(saveErr) != postback.CodeConflict:
			k.Fatalf("round %d: the endpoint is %v, the scheme's deletion %v", round, saveErr, deleteErr)
		}
	}
}
