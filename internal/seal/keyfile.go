package seal

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const keyBytes = 32

// inlinePrefix lets a setting hold the keys where it could also name a file.
const inlinePrefix = "keys:"

// Load reads a keyring: from the file that setting names, or from the setting
// itself when it begins with "keys:". A file that is not there is made, with
// one new key and mode 0600, but only when create is allowed: a ledger with
// sealed secrets in it and no keyring is a loss to report, not to paper over.
//
// Each line is a key id and 32 bytes in base64, as in "1 q83v...="; the first
// line's key seals, all open. Empty lines and lines that begin with # are
// passed over.
func Load(setting string, create bool) (*Keyring, error) {
	if inline, ok := strings.CutPrefix(setting, inlinePrefix); ok {
		return parse(strings.ReplaceAll(inline, ",", "\n"))
	}
	text, err := os.ReadFile(setting)
	switch {
	case errors.Is(err, fs.ErrNotExist) && create:
		return createFile(setting)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("the keyring %s is missing (%w), and this ledger has one; copy it from where another process runs or from a backup, or name it with --keyring", setting, fs.ErrNotExist)
	case err != nil:
		return nil, fmt.Errorf("read keyring: %w", err)
	}
	if err := checkMode(setting); err != nil {
		return nil, err
	}
	ring, err := parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("read keyring %s: %w", setting, err)
	}
	return ring, nil
}

func checkMode(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("read keyring: %w", err)
	}
	if info.Mode().Perm()&0o007 != 0 {
		return fmt.Errorf("everybody may read the keyring %s (mode %04o); make it private: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	return nil
}

func createFile(path string) (*Keyring, error) {
	key := make([]byte, keyBytes)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	line := "1 " + base64.StdEncoding.EncodeToString(key) + "\n"
	if err := WriteOnce(path, []byte(line)); errors.Is(err, fs.ErrExist) {
		return Load(path, false) // another process made it in between
	} else if err != nil {
		return nil, fmt.Errorf("write keyring: %w", err)
	}
	return NewKeyring(1, map[uint32][]byte{1: key})
}

// WriteOnce writes a new private file (mode 0600) durably: it is there whole
// or not at all. It fails with fs.ErrExist when there is such a file already.
func WriteOnce(path string, content []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("make file: %w", err)
	}
	defer func() { _ = os.Remove(temporary.Name()) }()
	_, writeErr := temporary.Write(content)
	if err := errors.Join(writeErr, temporary.Sync(), temporary.Close()); err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	if err := os.Link(temporary.Name(), path); err != nil {
		return fmt.Errorf("name file: %w", err)
	}
	return nil
}

func parse(text string) (*Keyring, error) {
	keys := map[uint32][]byte{}
	var first uint32
	lines := bufio.NewScanner(strings.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, key, err := parseLine(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if keys[id] != nil {
			return nil, fmt.Errorf("line %d: key %d is there twice", number, id)
		}
		if len(keys) == 0 {
			first = id
		}
		keys[id] = key
	}
	if len(keys) == 0 {
		return nil, errors.New("it holds no key; each line is a number and 32 bytes in base64")
	}
	return NewKeyring(first, keys)
}

func parseLine(line string) (uint32, []byte, error) {
	number, encoded, _ := strings.Cut(line, " ")
	id, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return 0, nil, errors.New("begin the line with the key's number")
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil || len(key) != keyBytes {
		return 0, nil, errors.New("after the key's number come 32 bytes in base64")
	}
	return uint32(id), key, nil
}
