package archtest_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// AGENTS.md shows the arrows that a newcomer has to know; each of them is one that
// the table allows and that somebody draws.
func TestTheArrowsOfTheGuideAreTrue(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile(filepath.Join(root, "AGENTS.md"))
	if err != nil {
		t.Fatal(err)
	}
	arrows := arrowsOf(string(guide))
	if len(arrows) < 10 {
		t.Fatalf("AGENTS.md has %d arrows: is the section still called Arrows?", len(arrows))
	}
	found := readSources(t)
	for _, arrow := range arrows {
		if why := untrue(arrow, found); why != "" {
			t.Errorf("AGENTS.md says %s -> %s: %s", arrow.from, arrow.to, why)
		}
	}
}

func TestArrowsAreRead(t *testing.T) {
	t.Parallel()
	guide := "# A\n```\nx -> y\n```\n## Arrows\n\n```\ncmd -> b/{c,d}, e -> f\n```\n```\nx -> y\n```\n"
	want := []arrow{{"cmd", "b/c"}, {"cmd", "b/d"}, {"cmd", "e"}, {"b/c", "f"}, {"b/d", "f"}, {"e", "f"}}
	if got := arrowsOf(guide); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	found := sources{"a": {"fmt", module + "/b"}, "b": {"fmt"}, "in/x": {module + "/b"}, "in/y": {"example.com/other"}}
	for _, tt := range []struct {
		arrow arrow
		true  bool
	}{
		{arrow{"a", "b"}, true},
		{arrow{"b", "a"}, false},
		{arrow{"in/*", "b"}, true}, // some do
		{arrow{"in/y", "b"}, false},
		{arrow{"gone", "b"}, false},
		{arrow{"b", standardOnly}, true},
		{arrow{"a", standardOnly}, false},
	} {
		if why := untrue(tt.arrow, found); (why == "") != tt.true {
			t.Errorf("%v: %q", tt.arrow, why)
		}
	}
}

// arrow says that a package imports another one. "tree/..." stands for a package
// below, and "tree/*" for some of those right below.
type arrow struct{ from, to string }

// What an arrow may lead to besides packages.
const (
	standardOnly    = "standard library only"
	everythingBelow = "everything below"
)

// arrowsOf reads the first block of code behind the heading.
func arrowsOf(guide string) []arrow {
	_, section, _ := strings.Cut(guide, "\n## Arrows\n")
	_, block, _ := strings.Cut(section, "```\n")
	block, _, _ = strings.Cut(block, "```")
	var arrows []arrow
	for line := range strings.Lines(block) {
		steps := strings.Split(strings.TrimSpace(line), " -> ")
		for i := range steps[1:] {
			for _, from := range listed(steps[i]) {
				for _, to := range listed(steps[i+1]) {
					arrows = append(arrows, arrow{from, to})
				}
			}
		}
	}
	return arrows
}

// listed takes "a, b/{c,d}" apart: a, b/c, b/d.
func listed(list string) []string {
	var names []string
	for list != "" {
		name := list
		if end := strings.IndexAny(list, ",{"); end >= 0 && list[end] == ',' {
			name = list[:end]
		} else if end >= 0 {
			name = list[:strings.IndexByte(list, '}')+1]
		}
		list = strings.TrimLeft(list[len(name):], ", ")
		tree, parts, found := strings.Cut(strings.TrimSuffix(name, "}"), "{")
		if !found {
			names = append(names, name)
			continue
		}
		for part := range strings.SplitSeq(parts, ",") {
			names = append(names, tree+part)
		}
	}
	return names
}

// untrue says why an arrow is not one of the sources; empty when it is.
func untrue(a arrow, found sources) string {
	var imports []string
	for pkg, own := range found {
		if covers(a.from, pkg) {
			imports = append(imports, own...)
		}
	}
	switch {
	case imports == nil:
		return "there is no such package, or it imports nothing"
	case a.to == everythingBelow:
		return ""
	case a.to == standardOnly:
		if foreign := slices.IndexFunc(imports, func(imported string) bool { return isForeign(imported) || isOwn(imported) }); foreign >= 0 {
			return "it imports " + imports[foreign]
		}
		return ""
	case slices.ContainsFunc(imports, func(imported string) bool {
		return isOwn(imported) && covers(a.to, strings.TrimPrefix(imported, module+"/"))
	}):
		return ""
	default:
		return "nobody imports that"
	}
}

func isOwn(imported string) bool { return strings.HasPrefix(imported, module+"/") }

func covers(pattern, pkg string) bool {
	if tree, ok := strings.CutSuffix(pattern, "/*"); ok {
		return strings.HasPrefix(pkg, tree+"/")
	}
	return matches(pattern, pkg)
}
