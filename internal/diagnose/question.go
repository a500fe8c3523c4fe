package diagnose

import (
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// These sizes bound what is taken apart: more is only looked at from outside.
const (
	longestURL  = 16 << 10
	longestBody = 64 << 10
)

// question is what a search needs.
type question struct {
	judge   judge
	bases   []base
	certain []postback.Finding
}

func ask(scheme signer.Scheme, received signer.Received, secrets []string) question {
	f, known := formulaOf(scheme)
	if !known {
		return askScheme(scheme, received, secrets)
	}
	g := read(f, received, secrets)
	var all []wanted
	for _, signature := range g.signatures {
		all = append(all, readWanted(signature, f.form)...)
	}
	return question{judge: newComputed(f.algorithm, all), bases: g.bases, certain: g.certain}
}
