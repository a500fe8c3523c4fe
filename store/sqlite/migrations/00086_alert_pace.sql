-- +goose Up
-- When an alert may be sent: one of an endpoint that comes and goes waits.
ALTER TABLE notices ADD COLUMN due INTEGER NOT NULL DEFAULT 0;

-- How often there were alerts of an endpoint's state of late.
CREATE TABLE alert_pace (
    endpoint_id TEXT PRIMARY KEY,
    free_at     INTEGER NOT NULL -- when they are all forgotten
) STRICT, WITHOUT ROWID;
