package schemes

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

//go:embed networks/*.yaml
var networks embed.FS

// largestFile is many times what a declaration takes.
const largestFile = 1 << 20

func (c *Catalogue) addShipped() error {
	sub, err := fs.Sub(networks, "networks")
	if err != nil {
		return fmt.Errorf("open shipped declarations: %w", err)
	}
	return c.addFiles(sub, "shipped declaration ", postback.SchemeBuiltIn)
}

func (c *Catalogue) addDir(dir string) error {
	if err := c.addFiles(os.DirFS(dir), dir+string(filepath.Separator), postback.SchemeFile); err != nil {
		return fmt.Errorf("read schemes of %s: %w", dir, err)
	}
	return nil
}

// addFiles compiles all declarations of a directory, and reports what is wrong
// in any of them.
func (c *Catalogue) addFiles(dir fs.FS, prefix string, origin postback.SchemeOrigin) error {
	found, err := fs.ReadDir(dir, ".")
	if err != nil {
		return fmt.Errorf("list files: %w", err)
	}
	var all []error
	for _, file := range found {
		name := file.Name()
		if file.IsDir() || strings.HasPrefix(name, ".") || !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name)) {
			continue
		}
		definition, err := compile(dir, name, prefix+name)
		if err == nil {
			err = c.add(entry{Definition: definition, from: prefix + name, origin: origin})
		}
		all = append(all, err)
	}
	return errors.Join(all...)
}

// LoadFile compiles the declaration in one file, with the errors of Parse.
func LoadFile(path string) (*signer.Definition, error) {
	return compile(os.DirFS(filepath.Dir(path)), filepath.Base(path), path)
}

func compile(dir fs.FS, name, shown string) (*signer.Definition, error) {
	file, err := dir.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read %s: open: %w", shown, err)
	}
	definition, err := Read(shown, file)
	return definition, errors.Join(err, file.Close())
}

// Read compiles the declaration that a reader holds, with the errors of Parse.
func Read(shown string, from io.Reader) (*signer.Definition, error) {
	text, err := io.ReadAll(io.LimitReader(from, largestFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: read: %w", shown, err)
	case len(text) > largestFile:
		return nil, fmt.Errorf("read %s: is larger than %d bytes", shown, largestFile)
	}
	return Parse(shown, text)
}
