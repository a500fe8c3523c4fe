-- +goose Up
-- What came of attempts lately: for each slot of time and endpoint a row of each
-- process that made any.
CREATE TABLE traffic (
    slot            INTEGER NOT NULL, -- when it began
    endpoint_id     TEXT NOT NULL,
    process         TEXT NOT NULL,
    attempts        INTEGER NOT NULL,
    succeeded       INTEGER NOT NULL,
    errors          TEXT NOT NULL, -- JSON: how many by code
    latencies       TEXT NOT NULL, -- JSON: how many by bucket
    last_attempt_at INTEGER NOT NULL,
    last_success_at INTEGER,
    PRIMARY KEY (slot, endpoint_id, process)
) STRICT, WITHOUT ROWID;

-- How many are parked and why, to be counted without a look at them.
CREATE INDEX deliveries_parked_why ON deliveries (reason, endpoint_id) WHERE state = 'parked';
