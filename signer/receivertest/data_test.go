package receivertest_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// data makes the data of one event for a scheme.
func data(s source, scheme string) json.RawMessage {
	switch scheme {
	case "besitos":
		return besitosData(s)
	case "bitlabs":
		return bitlabsData(s)
	default:
		return bodyData(s)
	}
}

// besitosData has known and any other names, and up to 5,900 bytes of query.
func besitosData(s source) json.RawMessage {
	names := []string{
		"user_id", "transaction_id", "reward", "payout", "reward_local_currency", "offer_id", "offer_name", "note", "reverse",
		"a-b", "-", "_", "__proto__", "1a", "9z", "10_", "Z", "A", "a", "e-", "GLOBALS", "constructor", "zz", "verifier2", "Verifier", "xverifier", "hash",
	}
	s.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	names = names[:1+s.IntN(len(names))]
	if s.IntN(100) == 0 {
		for i := range 199 - len(names) {
			names = append(names, fmt.Sprintf("n%d", i))
		}
	}
	budget := 5900 - len("&sum=") - 64
	var all []member
	for _, name := range names {
		value := s.flat(name, 1900)
		size := len("&=") + len(name) + escapedSize(value.text)
		if size < budget {
			all = append(all, value)
			budget -= size
		}
	}
	all = slices.Insert(all, s.IntN(len(all)+1), plain("sum", checksum(all)))
	return object(s, all)
}

// bitlabsData has values for the macros of bitlabsPath, and now and then none.
func bitlabsData(s source) json.RawMessage {
	budget := 5500
	var all []member
	for _, name := range []string{"uid", "val", "raw", "tx", "ref", "type", "reason", "app", "ip", "offer_id", "offer_name", "task_name", "ban_reason"} {
		limit := 1800
		if name == "offer_id" {
			limit = 100 // it is sent twice
		}
		value := s.flat(name, limit)
		if size := escapedSize(value.text); size < budget && s.IntN(10) > 0 {
			budget -= size
		} else {
			value = member{name, "null", "", false}
		}
		all = append(all, value)
	}
	sum := plain("app_token", checksum(all))
	all = slices.DeleteFunc(all, func(m member) bool { return m.raw == "null" && s.IntN(2) == 0 })
	all = append(all, sum, s.textMember("no macro "+s.text(10), 100))
	s.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return object(s, all)
}

// bodyData has what simpleswap asks for and names of any kind.
func bodyData(s source) json.RawMessage {
	longest := 500
	if s.IntN(100) == 0 {
		longest = 20_000
	}
	publicID := s.textMember("publicId", longest)
	publicID.text += "é_" // it must not be empty
	publicID.raw = s.spell(publicID.text)
	all := []member{publicID, plain("status", pick(s, []string{"finished", "waiting", "a_b", "_", " ", "é"}))}
	for i := range s.IntN(12) {
		name := pick(s, []string{"amount", "", "__proto__", "toString", "123", "a.b", "a b", "é", "\u0000", "😀", "\u0000x"}) + strings.Repeat("'", i)
		all = append(all, s.any(name, longest))
	}
	var texts, numbers []member
	for _, m := range all {
		switch {
		case !m.number:
			texts = append(texts, m)
		case m.text != "":
			numbers = append(numbers, m)
		}
	}
	all = append(all, plain("sum", checksum(texts)), plain("numbers", checksum(numbers)))
	s.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return object(s, all)
}
