-- +goose Up
-- How a delivery had ended before the replay that opened it last. It takes that
-- back when it ends again before an attempt was made. NULL when none opened it.
ALTER TABLE deliveries ADD COLUMN ended_state TEXT;
ALTER TABLE deliveries ADD COLUMN ended_reason TEXT;
ALTER TABLE deliveries ADD COLUMN ended_at INTEGER;

ALTER TABLE replays ADD COLUMN skips TEXT NOT NULL DEFAULT '{}'; -- JSON
