package schemes_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/internal/schemes"
	"github.com/waybillhq/waybill/signer"
)

// tally is what became of the cases of one declaration.
type tally struct {
	accepted, refused, warned int
	unwarned                  []string
	seen                      map[string]bool // requests: most members are not in a URL
}

// hardValues are spellings in JSON that receivers are known to read or write otherwise.
func hardValues() []string {
	return []string{
		`""`, `null`, `true`, `false`, `0`, `-0`, `"0"`, `1.50`, `1.0`, `-3`, `+3`, `1e3`, `1E-7`, `0.00001`, `123456789012.125`,
		`9007199254740993`, `12345678901234567890`, `"a b"`, `"a+b"`, `"~"`, `"'"`, `"("`, `")"`, `"*"`, `"!"`, `"%2F"`, `"%"`, `"//"`, `"/"`,
		`"\""`, `"\\"`, `"a&b=c"`, `"\u2028"`, `"\n"`, `"\t"`, `"é"`, `"漢"`, `"😀"`, `"\u007f"`, `" x "`, `"<>"`, `"[%UID%]"`, `"{sid}"`,
		`{}`, `{"b":1,"a":{"d":2,"c":"x"}}`, `[]`, `[1,"x",null]`, `[{"a":1}]`, `"` + strings.Repeat("x", 1500) + `"`,
	}
}

// hardURLs are targets whose own part receivers are known to change.
func hardURLs(url string) []string {
	urls := []string{url}
	for _, path := range []string{"/a/", "//a", "/a//b", "/%7ea", "/a'b", "/%2fa", "/A"} {
		urls = append(urls, strings.Replace(url, "/a", path, 1))
	}
	separator := "?"
	if strings.Contains(url, "?") {
		separator = "&"
	}
	for _, own := range []string{"k=a'b", "k=%7e", "k=%7E", "k=%2f", "k=a+b", "k=a%20b", "k=*", "k=", "k", "Zed=1", "a=1", "Key_a=1&key-b=2", "p[]=1", "p.q=1"} {
		urls = append(urls, url+separator+own)
	}
	return append(urls, strings.Replace(url, "example.com", "example.com:8443", 1), strings.Replace(url, "example.com", "Example.com", 1))
}

// Every declaration, whoever ships it, keeps three promises: its examples are accepted,
// what is signed is what is sent, and its receivers take whatever intake takes, unless a
// warning names the one that does not. A declaration without a receiver is not shipped.
func TestEveryDeclarationIsTakenByItsReceivers(t *testing.T) {
	t.Parallel()
	receivers, table := startPanel(t), []string{}
	for _, definition := range everyDeclaration(t) {
		count := &tally{seen: map[string]bool{}}
		for _, example := range definition.Declaration().Examples {
			before := count.refused
			try(t, receivers, count, definition, target(definition.Name()), example.Data)
			if count.refused > before {
				t.Errorf("%s: its example is refused: %s", definition.Name(), example.Data)
			}
		}
		usual := definition.Example(definition.EventType())
		for _, url := range hardURLs(target(definition.Name())) {
			try(t, receivers, count, definition, url, usual)
		}
		for _, data := range hardened(t, usual) {
			try(t, receivers, count, definition, target(definition.Name()), data)
		}
		for _, one := range count.unwarned[:min(5, len(count.unwarned))] {
			t.Errorf("%s: %s", definition.Name(), one)
		}
		table = append(table, fmt.Sprintf("| `%s` | %d | %d | %d | %d |", definition.Name(), count.accepted, count.refused, count.warned, len(count.unwarned)))
	}
	text := strings.Join(table, "\n") + "\n"
	t.Logf("| scheme | accepted | refused at intake | warned | refused unwarned |\n%s", text)
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "schemes.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), text) {
		t.Errorf("docs/schemes.md has another table than the one above")
	}
}

func everyDeclaration(t *testing.T) []*signer.Definition {
	t.Helper()
	catalogue := load(t)
	var all []*signer.Definition
	for _, name := range catalogue.Names() {
		definition, err := catalogue.Define(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, definition)
	}
	documented, err := schemes.Parse("schemes.md", []byte(documentedDeclaration(t)))
	if err != nil {
		t.Fatal(err)
	}
	return append(all, documented)
}

// hardened are copies of an event, each with a hard value in one place.
func hardened(t *testing.T, data json.RawMessage) []json.RawMessage {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		t.Fatal(err)
	}
	all := []json.RawMessage{data}
	for name, value := range members {
		name := string(name)
		for _, hard := range hardValues() {
			quoted := fmt.Sprintf("%q", name)
			all = append(all, replaced(data, quoted, value, hard))
		}
	}
	slices.SortFunc(all, func(a, b json.RawMessage) int { return strings.Compare(string(a), string(b)) })
	return all
}

// replaced spells one member otherwise, wherever white space stands.
func replaced(data json.RawMessage, name string, value json.RawMessage, hard string) json.RawMessage {
	at := strings.Index(string(data), name)
	rest := strings.Replace(string(data[at:]), string(value), hard, 1)
	return json.RawMessage(string(data[:at]) + rest)
}

func try(t *testing.T, receivers panel, count *tally, definition *signer.Definition, url string, data json.RawMessage) {
	t.Helper()
	target := signer.Target{URL: url}
	if _, err := definition.Check(target); err != nil {
		count.refused++
		return
	}
	if err := definition.CheckDelivery(target, data, []string{signer.AnyMacro}); err != nil {
		count.refused++
		return
	}
	secret, err := definition.GenerateSecret(source(7))
	if err != nil {
		t.Fatal(err)
	}
	message := signer.Message{ID: testID, Type: definition.EventType(), OccurredAt: testTime(), Data: data}
	request, err := definition.Sign(target, message, []string{secret}, testTime())
	if err != nil {
		t.Fatalf("%s: intake accepts what cannot be signed: %s %s: %v", definition.Name(), url, data, err)
	}
	sent := url + request.URL + string(request.Body)
	if count.seen[sent] {
		return
	}
	count.seen[sent] = true
	refusing, asked := receivers.refusing(t, definition.Name(), request, secret)
	if asked == 0 {
		t.Fatalf("%s has no receiver in testdata: it cannot be shipped", definition.Name())
	}
	warnings := warningsOf(t, definition, target, data)
	unwarned := slices.DeleteFunc(slices.Clone(refusing), func(receiver string) bool { return warnedOf(warnings, receiver) })
	switch {
	case len(unwarned) > 0:
		count.unwarned = append(count.unwarned, fmt.Sprintf("%v: %s %.300s", unwarned, request.URL, data))
	case len(refusing) > 0:
		count.warned++
	default:
		count.accepted++
	}
}
