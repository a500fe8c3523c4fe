package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/waybillhq/waybill/store/storetest"
)

// What a replay opened before schema 50 counts as on PostgreSQL.
func TestWhatWasReplayedBeforeItWasNotedIsADeadLetter(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.db")
	storetest.DeadAgainUnnoted(t, open(t, path), func() {
		edit(t, path, `UPDATE deliveries SET ended_state = NULL, ended_reason = NULL, ended_at = NULL`)
	})
}
