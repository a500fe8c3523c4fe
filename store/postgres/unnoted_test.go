package postgres_test

import (
	"testing"

	"github.com/waybillhq/waybill/store/storetest"
)

// What a replay opened before schema 50 counts as on SQLite.
func TestWhatWasReplayedBeforeItWasNotedIsADeadLetter(t *testing.T) {
	t.Parallel()
	at := database(t)
	storetest.DeadAgainUnnoted(t, open(t, at), func() {
		server.Exec(t, at, `UPDATE waiting SET ended_state = NULL, ended_reason = NULL, ended_at = NULL`)
	})
}
