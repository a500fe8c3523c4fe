package storetest

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/waybillhq/waybill/postback"
)

func endpointTests() []test {
	return []test{
		{"keeps every field of an endpoint and its secrets", endpointKeeps},
		{"replaces what is stored, secrets included", endpointReplaces},
		{"refuses a change of another revision", endpointStale},
		{"refuses a new endpoint under a known id", endpointTwice},
		{"adds as many of a publisher as it may have", endpointLimit},
		{"adds no more of them when many are added at once", endpointLimitTogether},
		{"does not know an endpoint that is not there", endpointUnknown},
		{"gives growing revisions and lists what is newer", endpointSince},
		{"lists newest first without deleted ones", endpointLists},
		{"filters by publisher and state", endpointFilters},
		{"pages", endpointPages},
		{"notes the last use of a secret, whatever is saved meanwhile", secretUse},
		{"lists the endpoints that have parked deliveries", parkedEndpoints},
	}
}

func (k kit) save(endpoint postback.Endpoint) postback.Endpoint {
	k.Helper()
	saved, err := k.SaveEndpoint(k.ctx(), endpoint)
	k.must(err)
	return saved
}

func endpointKeeps(k kit) {
	bare := postback.Endpoint{ID: "ep_bare", Publisher: "pub_1", State: postback.EndpointPaused, CreatedAt: Noon(), UpdatedAt: Noon()}
	disabled := Endpoint("ep_disabled")
	disabled.State, disabled.DisabledReason, disabled.DisabledAt = "disabled", "gone", After(time.Hour)
	disabled.Expect = &postback.Expect{Exact: "OK", Duplicate: postback.Texts{"DUP"}}
	for _, want := range []postback.Endpoint{Endpoint("ep_1"), bare, disabled} {
		saved := k.save(want)
		if saved.Revision == 0 {
			k.Fatal("revision is 0")
		}
		want.Revision = saved.Revision
		same(k, "saved", saved, want)
		stored, err := k.Endpoint(k.ctx(), want.ID)
		k.must(err)
		same(k, "stored", stored, want)
	}
}

func endpointReplaces(k kit) {
	k.save(Endpoint("ep_2"))
	first := k.save(Endpoint("ep_1"))
	want := postback.Endpoint{
		ID: "ep_1", Publisher: "pub_2", Scheme: "besitos",
		State: postback.EndpointDeleted, Revision: first.Revision, CreatedAt: Noon(), UpdatedAt: After(time.Hour),
		Secrets:          []postback.SealedSecret{{Version: 3, Sealed: []byte("x"), CreatedAt: After(time.Hour)}},
		EndpointSettings: postback.EndpointSettings{URL: "https://other.example.com/", Method: "GET"},
	}
	saved := k.save(want)
	if saved.Revision <= first.Revision {
		k.Fatalf("revision went from %d to %d", first.Revision, saved.Revision)
	}
	want.Revision = saved.Revision
	stored, err := k.Endpoint(k.ctx(), "ep_1")
	k.must(err)
	same(k, "stored", stored, want)
	other, err := k.Endpoint(k.ctx(), "ep_2")
	k.must(err)
	same(k, "the other's secrets", other.Secrets, Endpoint("ep_2").Secrets)
}

func secretUse(k kit) {
	other, first := k.save(Endpoint("ep_2")), k.save(Endpoint("ep_1"))
	use := func(endpointID string, version int, at time.Time) postback.SecretUse {
		return postback.SecretUse{EndpointID: endpointID, Version: version, At: at}
	}
	k.must(k.UseSecrets(k.ctx(), []postback.SecretUse{
		use("ep_1", 1, After(time.Minute)), use("ep_1", 1, After(time.Second)),
		use("ep_1", 9, Noon()), // replaced meanwhile
		use("ep_2", 2, After(time.Hour)),
	}))
	k.must(k.UseSecrets(k.ctx(), []postback.SecretUse{use("ep_1", 1, Noon())})) // reported late
	k.must(k.UseSecrets(k.ctx(), nil))
	stored, err := k.Endpoint(k.ctx(), "ep_2")
	k.must(err)
	same(k, "last use of the other's version 2", stored.Secrets[0].LastUsedAt, After(time.Hour))
	same(k, "the other's revision", stored.Revision, other.Revision)
	first.Description = "changed by one who read it before"
	first.Secrets[1].Sealed = nil // it will not sign again
	saved := k.save(first)
	same(k, "last use of version 2", saved.Secrets[0].LastUsedAt, time.Time{})
	same(k, "last use of version 1", saved.Secrets[1].LastUsedAt, After(time.Minute))
	same(k, "revision", saved.Revision, first.Revision+1)
	again := k.save(saved)
	same(k, "the forgotten value", len(again.Secrets[1].Sealed), 0)
}

func parkedEndpoints(k kit) {
	none, err := k.ParkedEndpoints(k.ctx())
	k.must(err)
	same(k, "with nothing parked", len(none), 0)
	item := Acceptance(Event("event"), "ep_2", "ep_1", "ep_2", "ep_3")
	for i := range 3 {
		item.Deliveries[i].State, item.Deliveries[i].Reason = postback.Parked, postback.ReasonPaused
		item.Deliveries[i].NextAttemptAt, item.Deliveries[i].SweepAt = time.Time{}, time.Time{}
	}
	_, err = k.Accept(k.ctx(), []postback.Acceptance{item})
	k.must(err)
	parked, err := k.ParkedEndpoints(k.ctx())
	k.must(err)
	same(k, "parked", parked, []string{"ep_1", "ep_2"})
}

func endpointStale(k kit) {
	first := k.save(Endpoint("ep_1"))
	second := k.save(first)
	changed := first
	changed.URL, changed.Secrets = "https://other.example.com/", nil
	_, err := k.SaveEndpoint(k.ctx(), changed)
	k.fails(err, postback.CodeConflict)
	stored, err := k.Endpoint(k.ctx(), "ep_1")
	k.must(err)
	same(k, "stored", stored, second)
}

func endpointTwice(k kit) {
	first := k.save(Endpoint("ep_1"))
	_, err := k.SaveEndpoint(k.ctx(), Endpoint("ep_1"))
	k.fails(err, postback.CodeConflict)
	stored, err := k.Endpoint(k.ctx(), "ep_1")
	k.must(err)
	same(k, "stored", stored, first)
}

func endpointUnknown(k kit) {
	_, err := k.Endpoint(k.ctx(), "ep_1")
	k.fails(err, postback.CodeNotFound)
	changed := Endpoint("ep_1")
	changed.Revision = 7
	_, err = k.SaveEndpoint(k.ctx(), changed)
	k.fails(err, postback.CodeNotFound)
}

func endpointSince(k kit) {
	first, second := k.save(Endpoint("ep_1")), k.save(Endpoint("ep_2"))
	third := k.save(first)
	third.State = postback.EndpointDeleted
	third = k.save(third)
	all, err := k.EndpointsSince(k.ctx(), 0)
	k.must(err)
	same(k, "all", all, []postback.Endpoint{second, third})
	newer, err := k.EndpointsSince(k.ctx(), second.Revision)
	k.must(err)
	same(k, "newer", newer, []postback.Endpoint{third})
	none, err := k.EndpointsSince(k.ctx(), third.Revision)
	k.must(err)
	same(k, "number after the last", len(none), 0)
}

// endpointSet saves three endpoints of two publishers, one of them paused, and
// a deleted one; the later ones are newer.
func (k kit) endpointSet() []postback.Endpoint {
	k.Helper()
	var saved []postback.Endpoint
	for i, id := range []string{"ep_b", "ep_a", "ep_c", "ep_d"} {
		endpoint := Endpoint(id)
		endpoint.CreatedAt = After(time.Duration(i/2) * time.Second) // two and two at the same time
		endpoint.Publisher = []string{"pub_1", "pub_2", "pub_1", "pub_1"}[i]
		endpoint.State = []postback.EndpointState{"enabled", "enabled", "paused", "deleted"}[i]
		saved = append(saved, k.save(endpoint))
	}
	return saved
}

func (k kit) endpoints(filter postback.EndpointFilter) []postback.Endpoint {
	k.Helper()
	found, next, err := k.Endpoints(k.ctx(), filter, postback.Page{Limit: 10})
	k.must(err)
	same(k, "next cursor", next, "")
	return found
}

func endpointLists(k kit) {
	saved := k.endpointSet()
	same(k, "endpoints", k.endpoints(postback.EndpointFilter{}), []postback.Endpoint{saved[2], saved[1], saved[0]})
}

func endpointFilters(k kit) {
	saved := k.endpointSet()
	same(k, "of a publisher", k.endpoints(postback.EndpointFilter{Publisher: "pub_1"}), []postback.Endpoint{saved[2], saved[0]})
	same(k, "enabled", k.endpoints(postback.EndpointFilter{State: postback.EndpointEnabled}), []postback.Endpoint{saved[1], saved[0]})
	both := postback.EndpointFilter{Publisher: "pub_2", State: postback.EndpointPaused}
	same(k, "number of both", len(k.endpoints(both)), 0)
	same(k, "number of deleted", len(k.endpoints(postback.EndpointFilter{State: postback.EndpointDeleted})), 0)
}

func endpointPages(k kit) {
	saved := k.endpointSet()
	var found []postback.Endpoint
	page := postback.Page{Limit: 1}
	for range 3 {
		part, next, err := k.Endpoints(k.ctx(), postback.EndpointFilter{}, page)
		k.must(err)
		found, page.Cursor = append(found, part...), next
	}
	same(k, "endpoints", found, []postback.Endpoint{saved[2], saved[1], saved[0]})
	same(k, "last cursor", page.Cursor, "")
}

// add adds an endpoint of a publisher, which may have three.
func (k kit) add(id, publisher string) error {
	endpoint := Endpoint(id)
	endpoint.Publisher = publisher
	_, err := k.AddEndpoint(k.ctx(), endpoint, 3)
	return err
}

func endpointLimit(k kit) {
	want := Endpoint("ep_1")
	added, err := k.AddEndpoint(k.ctx(), want, 3)
	k.must(err)
	want.Revision = added.Revision
	same(k, "added", added, want)
	k.must(k.add("ep_2", want.Publisher))
	k.must(k.add("ep_3", want.Publisher))
	k.fails(k.add("ep_4", want.Publisher), postback.CodeLimit)
	_, err = k.Endpoint(k.ctx(), "ep_4")
	k.fails(err, postback.CodeNotFound)
	k.must(k.add("ep_other", "pub_other"))
	_, err = k.AddEndpoint(k.ctx(), Endpoint("ep_any"), 0)
	k.must(err)

	added.State = postback.EndpointPaused
	added = k.save(added)
	k.fails(k.add("ep_5", want.Publisher), postback.CodeLimit)
	added.State = postback.EndpointDeleted
	k.save(added)
	other, err := k.Endpoint(k.ctx(), "ep_any")
	k.must(err)
	other.State = postback.EndpointDeleted
	k.save(other)
	k.must(k.add("ep_6", want.Publisher))
	k.fails(k.add("ep_6", "pub_third"), postback.CodeConflict)
}

func endpointLimitTogether(k kit) {
	var added atomic.Int64
	together(20, func(i int) {
		switch err := k.add(fmt.Sprintf("ep_%d", i), "pub_1"); {
		case err == nil:
			added.Add(1)
		case postback.CodeOf(err) != postback.CodeLimit:
			k.Errorf("add: %v", err)
		}
	})
	same(k, "added", added.Load(), 3)
	found, _, err := k.Endpoints(k.ctx(), postback.EndpointFilter{Publisher: "pub_1"}, postback.Page{Limit: 100})
	k.must(err)
	same(k, "stored", len(found), 3)
}
