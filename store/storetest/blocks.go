package storetest

import (
	"time"

	"github.com/waybillhq/waybill/postback"
)

func blockTests() []test {
	return []test{
		{"say why nothing can be sent, and since when", blockNoted},
		{"begin anew when nobody found one for a while", blockBeginsAnew},
		{"keep what was found last, in any order and at once", blockTogether},
		{"end with their endpoint", blockOfDeleted},
	}
}

// blocked notes that an endpoint was found blocked.
func (k kit) blocked(endpointID, cause string, at time.Time) {
	k.Helper()
	k.must(k.NoteBlock(k.ctx(), postback.Block{EndpointID: endpointID, Cause: cause, Message: "mend " + cause, At: at}))
}

// expectBlock checks what is known of an endpoint since Noon; without a cause,
// that nothing is.
func (k kit) expectBlock(endpointID, cause string, since, at time.Time) {
	k.Helper()
	got, found, err := k.Block(k.ctx(), endpointID, Noon())
	k.must(err)
	var want postback.Block
	if cause != "" {
		want = postback.Block{EndpointID: endpointID, Cause: cause, Message: "mend " + cause, Since: since, At: at}
	}
	same(k, "block", got, want)
	same(k, "blocked", found, cause != "")
}

func blockNoted(k kit) {
	k.expectBlock("ep_1", "", Noon(), Noon())
	k.blocked("ep_1", "secret_sealed", Noon())
	k.blocked("ep_2", "unknown_scheme", After(time.Second))
	k.expectBlock("ep_1", "secret_sealed", Noon(), Noon())
	k.blocked("ep_1", "secret_sealed", After(time.Minute))
	k.blocked("ep_1", "expect_invalid", After(2*time.Minute))
	k.expectBlock("ep_1", "expect_invalid", Noon(), After(2*time.Minute))
	k.expectBlock("ep_2", "unknown_scheme", After(time.Second), After(time.Second))
	_, found, err := k.Block(k.ctx(), "ep_1", After(2*time.Minute+time.Second))
	k.must(err)
	same(k, "found later", found, false)
}

func blockBeginsAnew(k kit) {
	k.blocked("ep_1", "secret_sealed", Noon())
	k.blocked("ep_1", "secret_sealed", After(postback.BlockLasts))
	k.expectBlock("ep_1", "secret_sealed", Noon(), After(postback.BlockLasts))
	again := After(2*postback.BlockLasts + time.Second)
	k.blocked("ep_1", "secret_sealed", again)
	k.expectBlock("ep_1", "secret_sealed", again, again)
}

func blockTogether(k kit) {
	together(callers, func(i int) {
		block := postback.Block{EndpointID: "ep_1", Cause: "secret_sealed", Message: "mend secret_sealed", At: After(time.Duration(i) * time.Millisecond)}
		if err := k.NoteBlock(k.ctx(), block); err != nil {
			k.Errorf("note: %v", err)
		}
	})
	k.expectBlock("ep_1", "secret_sealed", Noon(), After((callers-1)*time.Millisecond))
	k.blocked("ep_1", "unknown_scheme", After(time.Millisecond)) // by a process that is slow
	k.expectBlock("ep_1", "secret_sealed", Noon(), After((callers-1)*time.Millisecond))
}

func blockOfDeleted(k kit) {
	endpoint := k.save(Endpoint("ep_1"))
	k.blocked("ep_1", "secret_sealed", Noon())
	endpoint.State = postback.EndpointDeleted
	k.save(endpoint)
	k.expectBlock("ep_1", "", Noon(), Noon())
}
