package archtest_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/postback"
)

// Every link of a document to another one leads somewhere, down to the heading.
func TestLinksOfTheDocumentsLead(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	links := 0
	for _, page := range documents(t) {
		text := read(t, page)
		for _, found := range link.FindAllStringSubmatch(withoutCode(text), -1) {
			target, anchor, _ := strings.Cut(found[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			links++
			to := page
			if target != "" {
				to = filepath.Join(filepath.Dir(page), target)
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: there is no %s", page, found[1])
			} else if anchor != "" && !slices.Contains(anchors(read(t, to)), anchor) {
				t.Errorf("%s: %s has no heading #%s", page, to, anchor)
			}
		}
	}
	if links < 50 {
		t.Errorf("%d links were found: are the documents still there?", links)
	}
}

// The walk of an event names files that there are, and functions that are in them.
func TestTheWalkOfAnEventIsTrue(t *testing.T) {
	t.Parallel()
	step := regexp.MustCompile("`([a-z_/]+\\.go)`((?: `\\w+`)?)")
	steps := 0
	for _, found := range step.FindAllStringSubmatch(read(t, filepath.Join(root, "docs", "architecture.md")), -1) {
		steps++
		file, function := found[1], strings.Trim(found[2], " `")
		source, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Errorf("docs/architecture.md: there is no %s", file)
		} else if !regexp.MustCompile(`(?m)^func (\([^)]*\) )?` + function + `\b`).Match(source) {
			t.Errorf("docs/architecture.md: %s has no function %s", file, function)
		}
	}
	if steps < 25 {
		t.Errorf("%d steps were found: is the walk still there?", steps)
	}
}

// A README that is longer is not read.
func TestTheReadmeIsShort(t *testing.T) {
	t.Parallel()
	if words := len(strings.Fields(read(t, filepath.Join(root, "README.md")))); words >= 1200 {
		t.Errorf("README.md has %d words; move something to docs", words)
	}
}

// documents are the paths of all documents of the module.
func documents(t *testing.T) []string {
	t.Helper()
	var pages []string
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && name != root && (skipped(name) || entry.Name() == "node_modules") {
			return fs.SkipDir
		}
		if strings.HasSuffix(name, ".md") {
			pages = append(pages, name)
		}
		return nil
	})
	if err != nil || len(pages) == 0 {
		t.Fatalf("%d documents, %v", len(pages), err)
	}
	return pages
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// withoutCode leaves out blocks of code.
func withoutCode(text string) string {
	var prose strings.Builder
	for i, part := range strings.Split(text, "```") {
		if i%2 == 0 {
			prose.WriteString(part)
		}
	}
	return prose.String()
}

// anchors are the names by which a page's headings are linked to.
func anchors(text string) []string {
	var all []string
	for line := range strings.Lines(withoutCode(text)) {
		if heading := strings.TrimLeft(line, "#"); heading != line && strings.HasPrefix(heading, " ") {
			all = append(all, anchorOf(strings.TrimSpace(heading)))
		}
	}
	return all
}

// anchorOf spells a heading as GitHub does: lowercase, "-" for a space, without
// punctuation.
func anchorOf(heading string) string {
	heading = strings.ToLower(strings.NewReplacer("`", "", "*", "").Replace(heading))
	heading = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(heading, "")
	return strings.ReplaceAll(heading, " ", "-")
}

func TestAnchors(t *testing.T) {
	t.Parallel()
	page := "# A `waybill` guide\n\n```\n# no heading\n```\n## What is lost, and when?\n#no heading\n"
	want := []string{"a-waybill-guide", "what-is-lost-and-when"}
	if got := anchors(page); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The codes of attempts are documented where the help points to.
func TestErrorCodesAreDocumented(t *testing.T) {
	t.Parallel()
	guide := read(t, root+"/docs/operations.md")
	for _, code := range postback.ErrorCodes() {
		if !strings.Contains(guide, "`"+code+"`") {
			t.Errorf("docs/operations.md does not say what %s means", code)
		}
	}
}
