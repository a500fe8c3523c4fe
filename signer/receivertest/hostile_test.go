package receivertest_test

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// member is a name and a value of an event's data.
type member struct {
	name   string
	raw    string // the value as JSON
	text   string // what a receiver is to decode; for a number its spelling
	number bool
}

// source makes hostile data out of a seed.
type source struct{ *rand.Rand }

func newSource(seed, stream uint64) source { return source{rand.New(rand.NewPCG(seed, stream))} }

func pick[T any](s source, from []T) T { return from[s.IntN(len(from))] }

// pieces are what texts are made of.
func pieces() []string {
	return []string{
		"", " ", "  ", "a", "Z9", "user 1", "+", "&", "=", "%", "#", "?", "/", `\`, `"`, "'", "`", "<", ">", "|", "^", "~", "!", "*",
		"(", ")", ";", ":", "@", ",", "$", "[", "]", "{", "}", "..", "../", "./", "//", "%20", "%2B", "%2f", "%zz", "%", "%00", `\0`, "&amp;",
		"&hash=0", "&verifier=1", "?hash=", "hash=", "=&", "&&", "[%TX%]", "%5B%25TX%25%5D", "[]", "a[]=1", "{sig}", "<secret>", "${x}", "{{x}}",
		"null", "true", "1e5", "0x1f", "-0", "NaN", "1.50", "' OR 1=1 --", "<script>", "Ünï", "e\u0301", "ß", "日本語", "\u202eabc", "\u200b", "\ufeff",
		"\u2028", "\ufffd", "\uffff", "مرحبا بالعالم", "שלום", "😀", "👩‍👩‍👧", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "\U0010ffff", "\u0001", "\u001f", "\u007f", "\u0085", "\r\n", "\t", "\n", "\b\f", "\u001b[2J",
	}
}

func numbers() []string {
	return []string{
		"0", "-0", "1", "-1", "1.50", "-1.50", "0.00", "100", "1e5", "1E+10", "-2.5e-7", "0.1", "12345678901234567890", "-9223372036854775809",
		"1.0000000000000000000001", "1e300", "18446744073709551616.000", strings.Repeat("9", 80), "0." + strings.Repeat("3", 200),
	}
}

// text makes a text of up to limit bytes: mostly short, sometimes as long as
// it may be.
func (s source) text(limit int) string {
	var made strings.Builder
	count := s.IntN(6)
	if s.IntN(200) == 0 {
		count = limit
	}
	from := pieces()
	if s.IntN(16) == 0 {
		from = []string{pick(s, from)} // one of them many times
		count *= 20
	}
	for range count {
		piece := pick(s, from)
		if made.Len()+len(piece) > limit {
			break
		}
		made.WriteString(piece)
	}
	return made.String()
}

// spell writes a text as JSON, with escapes where there need be none.
func (s source) spell(text string) string {
	escapeAll := s.IntN(10) == 0
	made := []byte{'"'}
	for _, r := range text {
		switch {
		case r == '/' && s.IntN(3) == 0:
			made = append(made, `\/`...)
		case r == '\n':
			made = append(made, `\n`...)
		case r == '"' || r == '\\':
			made = append(made, '\\', byte(r))
		case r < ' ' || escapeAll || s.IntN(50) == 0:
			for _, unit := range utf16.Encode([]rune{r}) {
				made = fmt.Appendf(made, pick(s, []string{`\u%04x`, `\u%04X`}), unit)
			}
		default:
			made = append(made, string(r)...)
		}
	}
	return string(append(made, '"'))
}

func (s source) textMember(name string, limit int) member {
	text := s.text(limit)
	return member{name: name, raw: s.spell(text), text: text}
}

// flat makes a value for a scheme that has its data in the URL.
func (s source) flat(name string, limit int) member {
	switch s.IntN(10) {
	case 0:
		return member{name, "true", "1", false}
	case 1:
		return member{name, "false", "0", false}
	case 2:
		return member{name, "null", "", false}
	case 3, 4:
		number := pick(s, numbers())
		return member{name, number, number, false}
	default:
		return s.textMember(name, limit)
	}
}

// any makes a value for a scheme that has its data in a body.
func (s source) any(name string, limit int) member {
	switch s.IntN(12) {
	case 0:
		word := pick(s, []string{"true", "false", "null"})
		return member{name, word, word, false}
	case 1, 2:
		number := pick(s, append(numbers(), strings.Repeat("7", 300)))
		return member{name, number, number, true}
	case 3:
		return member{name, fmt.Sprintf(`{"a":[%s,{}],%s:1.50}`, s.spell(s.text(50)), s.spell("k"+s.text(20))), "", true}
	default:
		return s.textMember(name, limit)
	}
}

// checksum is what receivers compare their decoded values with: the SHA-256 of
// a line for each, in the order of the names' bytes.
func checksum(values []member) string {
	sorted := slices.SortedFunc(slices.Values(values), func(a, b member) int { return cmp.Compare(a.name, b.name) })
	hash := sha256.New()
	for _, value := range sorted {
		fmt.Fprintf(hash, "%d:%s=%s\n", len(value.text), value.name, value.text)
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// object writes the data, in the order of the members.
func object(s source, all []member) json.RawMessage {
	written := make([]string, len(all))
	for i, m := range all {
		written[i] = s.spell(m.name) + pick(s, []string{":", " : "}) + m.raw
	}
	return json.RawMessage("{" + strings.Join(written, pick(s, []string{",", ", ", " ,"})) + "}")
}

func plain(name, text string) member {
	return member{name, strconv.Quote(text), text, false}
}

// escapedSize is how long a text is in a URL.
func escapedSize(text string) int {
	size := 0
	for i := range len(text) {
		if c := text[i]; c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			size++
		} else {
			size += 3
		}
	}
	return size
}
