package storetest

import (
	"sync"
	"sync/atomic"

	"github.com/waybillhq/waybill/postback"
)

func fingerprintTests() []test {
	return []test{
		{"are remembered by the key's id", fingerprintsKept},
		{"never change", fingerprintsFixed},
		{"are one when two are recorded at once", fingerprintsOne},
	}
}

func fingerprintsKept(k kit) {
	none, err := k.Fingerprints(k.ctx())
	k.must(err)
	same(k, "number of fingerprints", len(none), 0)
	want := map[uint32]string{1: "aa", 4_294_967_295: "bb"}
	for id, fingerprint := range want {
		k.must(k.SaveFingerprint(k.ctx(), id, fingerprint))
		k.must(k.SaveFingerprint(k.ctx(), id, fingerprint))
	}
	found, err := k.Fingerprints(k.ctx())
	k.must(err)
	same(k, "fingerprints", found, want)
}

func fingerprintsFixed(k kit) {
	k.must(k.SaveFingerprint(k.ctx(), 1, "aa"))
	k.fails(k.SaveFingerprint(k.ctx(), 1, "bb"), postback.CodeConflict)
	found, err := k.Fingerprints(k.ctx())
	k.must(err)
	same(k, "fingerprint", found[1], "aa")
}

func fingerprintsOne(k kit) {
	var kept atomic.Int64
	var group sync.WaitGroup
	for _, fingerprint := range []string{"aa", "bb", "cc", "dd"} {
		group.Go(func() {
			if k.SaveFingerprint(k.ctx(), 1, fingerprint) == nil {
				kept.Add(1)
			}
		})
	}
	group.Wait()
	same(k, "number of callers that succeeded", kept.Load(), 1)
}
