package archtest_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// Docs, comments, messages and names use the trade's words: testdata/words.txt lists
// those that are not used, and what to write instead.
func TestWordsOfTheTrade(t *testing.T) {
	t.Parallel()
	banned := bannedWords(t)
	for _, page := range documents(t) {
		for paragraph := range strings.SplitSeq(withoutCode(read(t, page)), "\n\n") {
			for _, why := range banned.in(paragraph) {
				t.Errorf("%s: %s", filepath.ToSlash(strings.TrimPrefix(page, root+"/")), why)
			}
		}
	}
	for _, name := range sourceFiles(t) {
		// The signer's own words are those of the networks that it quotes.
		if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "signer/") {
			continue
		}
		for _, one := range textsOf(t, name) {
			for _, why := range banned.in(one.text) {
				t.Errorf("%s:%d: %s", name, one.line, why)
			}
		}
	}
}

// text is a comment, a string or a name in a Go file.
type text struct {
	line int
	text string
}

// textsOf are the comments, strings and names of a Go file. The strings of stores are
// SQL, whose names no release may change.
func textsOf(t *testing.T, name string) []text {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, filepath.Join(root, name), nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var texts []text
	add := func(at token.Pos, words string) {
		texts = append(texts, text{files.Position(at).Line, words})
	}
	for _, group := range file.Comments {
		add(group.Pos(), group.Text())
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			if words, err := strconv.Unquote(n.Value); n.Kind == token.STRING && err == nil && !strings.HasPrefix(name, "store/") {
				add(n.Pos(), words)
			}
		case *ast.Ident:
			add(n.Pos(), wordsOf(n.Name))
		}
		return true
	})
	return texts
}

// wordsOf takes a name apart: "heldInFlight" is "held In Flight".
func wordsOf(name string) string {
	var words strings.Builder
	for i, r := range name {
		if i > 0 && unicode.IsUpper(r) {
			words.WriteByte(' ')
		}
		words.WriteRune(r)
	}
	return words.String()
}

// ban is a line of testdata/words.txt.
type ban struct {
	words   *regexp.Regexp
	instead string
}

// bans are all of them. Most texts have none: one expression for all finds that out.
type bans struct {
	any *regexp.Regexp
	all []ban
}

// bannedWords reads the list: a regular expression of whole words in any case, "=>",
// and what to write instead, sorted.
func bannedWords(t *testing.T) bans {
	t.Helper()
	list, err := os.ReadFile(filepath.Join("testdata", "words.txt"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(list)), "\n")
	if !slices.IsSorted(lines) {
		t.Error("testdata/words.txt is not sorted")
	}
	var banned bans
	patterns := make([]string, 0, len(lines))
	for _, line := range lines {
		words, instead, ok := strings.Cut(line, " => ")
		if !ok {
			t.Fatalf("testdata/words.txt: %q: write words => instead", line)
		}
		patterns = append(patterns, strings.ReplaceAll(words, " ", `\s+`))
		banned.all = append(banned.all, ban{wholeWords(patterns[len(patterns)-1]), instead})
	}
	banned.any = wholeWords(strings.Join(patterns, "|"))
	return banned
}

func wholeWords(pattern string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)\b(?:` + pattern + `)\b`)
}

// in says what is wrong with a text.
func (b bans) in(text string) []string {
	if !b.any.MatchString(text) {
		return nil
	}
	var wrong []string
	for _, one := range b.all {
		for _, found := range one.words.FindAllString(text, -1) {
			wrong = append(wrong, fmt.Sprintf("%q: write %s", found, one.instead))
		}
	}
	return wrong
}

func TestWordsAreFound(t *testing.T) {
	t.Parallel()
	banned := bannedWords(t)
	for _, wrong := range []string{"The endpoint is well\nagain.", "It Was Well Again", wordsOf("isWellAgain")} {
		if len(banned.in(wrong)) != 1 {
			t.Errorf("%q: got %q", wrong, banned.in(wrong))
		}
	}
	if found := banned.in("The endpoint swell against recovered."); len(found) > 0 {
		t.Errorf("got %q", found)
	}
}
