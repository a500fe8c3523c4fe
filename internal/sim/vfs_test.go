package sim_test

import (
	"fmt"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// aloneWithFiles has SQLite open files with its VFS for those that one process has
// to itself: the locks between connections are in memory, and the system is asked
// for none.
func aloneWithFiles() error {
	thread := libc.NewTLS()
	defer thread.Close()
	name, err := libc.CString("unix-excl")
	if err != nil {
		return err
	}
	defer libc.Xfree(thread, name)
	vfs := sqlite3.Xsqlite3_vfs_find(thread, name)
	if code := sqlite3.Xsqlite3_vfs_register(thread, vfs, 1); vfs == 0 || code != sqlite3.SQLITE_OK {
		return fmt.Errorf("SQLite has no VFS unix-excl: %d", code)
	}
	return nil
}
