-- +goose Up
SET LOCAL lock_timeout = '2s'; -- others wait behind whoever waits for a lock

-- How a delivery had ended before the replay that opened it. It takes that back
-- when it ends again before an attempt was made. NULL when no replay opened it.
ALTER TABLE waiting
    ADD COLUMN ended_state  text COLLATE "C",
    ADD COLUMN ended_reason text,
    ADD COLUMN ended_at     timestamptz;

ALTER TABLE replays ADD COLUMN skips text NOT NULL DEFAULT '{}'; -- JSON
