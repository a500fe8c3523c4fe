package sqlite

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/waybillhq/waybill/postback"
)

// Codes of a ledger that is not opened.
const (
	CodeInUse   postback.Code = "ledger_in_use"  // another server has it
	CodeCorrupt postback.Code = "ledger_corrupt" // the file is damaged, or is no ledger
)

// lock makes this process the only server of a ledger until the file is closed,
// however the process ends. The lock file stays: removing it would let two
// servers lock two files of the same name.
func lock(path string) (*os.File, error) {
	file, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open ledger lock: %w", err)
	}
	if err := takeLock(file, path); err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

func takeLock(file *os.File, path string) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return postback.Failure(CodeInUse, "another waybill server uses the ledger %s (pid %s); stop it first, or give this one its own --data-dir", path, owner(file))
	}
	if err != nil {
		return fmt.Errorf("lock ledger: %w", err)
	}
	if err := file.Truncate(0); err != nil {
		return fmt.Errorf("write ledger lock: %w", err)
	}
	if _, err := file.WriteAt([]byte(fmt.Sprintf("%d\n", os.Getpid())), 0); err != nil {
		return fmt.Errorf("write ledger lock: %w", err)
	}
	return nil
}

// owner is the process id in a lock file.
func owner(file *os.File) string {
	text := make([]byte, 20)
	n, _ := file.ReadAt(text, 0) // An empty answer is "unknown" below.
	if pid := strings.TrimSpace(string(text[:n])); pid != "" {
		return pid
	}
	return "unknown"
}
