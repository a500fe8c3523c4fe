-- +goose Up
ALTER TABLE deliveries ADD COLUMN reference TEXT NOT NULL DEFAULT '';

CREATE INDEX deliveries_by_reference ON deliveries (reference, created_at) WHERE reference <> '';

ALTER TABLE replays ADD COLUMN collected INTEGER NOT NULL DEFAULT 0;
ALTER TABLE replays ADD COLUMN skipped INTEGER NOT NULL DEFAULT 0;

CREATE INDEX replays_by_time ON replays (created_at);

-- What a replay has still to do. Positions count from the newest delivery; the
-- work begins at the other end.
CREATE TABLE replay_items (
    replay     TEXT NOT NULL REFERENCES replays (id),
    position   INTEGER NOT NULL,
    delivery   TEXT NOT NULL,
    generation INTEGER NOT NULL, -- that had ended
    PRIMARY KEY (replay, position)
) STRICT, WITHOUT ROWID;
