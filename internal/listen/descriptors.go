//go:build unix

package listen

import "syscall"

// descriptors is how many files and connections this process may have open.
// The Go runtime has raised the soft limit to the hard one when it started.
func descriptors() (limit uint64, known bool) {
	var found syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &found); err != nil {
		return 0, false
	}
	return uint64(found.Cur), true //nolint:unconvert // it is signed on some systems
}
