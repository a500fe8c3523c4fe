package receivertest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pages is where the receivers for publishers are shown.
const pages = "../../docs/receivers"

// codeBlock is the code of a language on a page, which has one block of it.
func codeBlock(page, language string) (string, error) {
	text, err := os.ReadFile(filepath.Join(pages, page))
	if err != nil {
		return "", err
	}
	fence := "\n```" + language + "\n"
	parts := strings.Split(string(text), fence)
	if len(parts) != 2 {
		return "", fmt.Errorf("%s has %d blocks of %s, want one", page, len(parts)-1, language)
	}
	code, _, closed := strings.Cut(parts[1], "\n```\n")
	if !closed {
		return "", fmt.Errorf("%s does not close its block of %s", page, language)
	}
	return code + "\n", nil
}

// Every scheme's page is run, and no block of code on any page is not.
func TestEveryBlockOfThePagesIsRun(t *testing.T) {
	t.Parallel()
	run := map[string]bool{"README.md go": true}
	for _, r := range receivers() {
		if r.page != "" {
			run[r.page+" "+r.language] = true
		}
	}
	files, err := filepath.Glob(filepath.Join(pages, "*.md"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, part := range strings.Split("\n"+string(text), "\n```") {
			language, _, _ := strings.Cut(part, "\n")
			if name := filepath.Base(file) + " " + language; i%2 == 1 && !run[name] {
				t.Errorf("nothing runs the block %s", name)
			}
		}
	}
}
